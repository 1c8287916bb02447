"""What holds for every request before any endpoint sees it: its id, size and rate, and the headers of its answer."""

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from naryad.clock import new_id
from naryad.i18n import _, accepted, speaking
from naryad.inbox import WEBHOOK
from naryad.settings import Settings
from server.access import too_often
from server.errors import problem
from server.limits import network
from server.parts import Parts
from server.telegram.proof import HEADER, proven

log = structlog.get_logger()
MAX_BODY = 1_000_000
"""Bytes of a request, unless its endpoint lets it be larger."""
_MOST = "naryad.most_bytes"
UNLIMITED = frozenset({"/health", "/ready", "/metrics"})
"""What a monitor asks often."""
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class Edge:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = scope["request_id"] = new_id()
        spoken = accepted(Headers(scope=scope).get("accept-language", ""))
        with structlog.contextvars.bound_contextvars(request_id=request_id), speaking(spoken):
            await self._pass(scope, receive, send, request_id)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = HTTPConnection(scope)
        parts: Parts = scope["app"].state.parts
        address = network(request.client.host) if request.client else "unknown"
        wait = None if _unlimited(request, parts.settings) else await parts.limiter.take("address", address)
        if wait:
            denied = too_often(wait)
            refusal = problem(request, denied.status, denied.code, denied.message, headers=denied.headers)
            await refusal(scope, receive, answer)
            return
        try:
            await self._app(scope, _Measured(scope, receive) if scope["type"] == "http" else receive, answer)
        except Exception:  # a bug: its answer has the headers of any other, which Starlette's own would lack
            if begun or scope["type"] != "http":
                raise
            log.exception("request.broke", path=request.url.path)
            text = _("Something broke here; the log has it under this request id.")
            await problem(request, 500, "bug", text)(scope, receive, answer)


def _unlimited(request: HTTPConnection, settings: Settings) -> bool:
    """Whether its address does not count: from Telegram's few come the updates of everybody."""
    path = request.url.path
    return path in UNLIMITED or (path == WEBHOOK and proven(request.headers.get(HEADER, ""), settings))


class _Measured:
    """The body, cut off where it grows too large: a request may lie about its length, or not tell it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive, self._size = scope, receive, 0
        declared = Headers(scope=scope).get("content-length", "0")
        self._declared = int(declared[:18]) if declared.isdecimal() else 0

    async def __call__(self) -> Message:
        """The next part of the body."""
        message = await self._receive()
        self._size += len(message.get("body", b""))
        most = self._scope.get(_MOST, MAX_BODY)
        if max(self._size, self._declared) > most:
            text = _("The request is larger than {most} bytes.").format(most=most)
            raise HTTPException(413, text)  # FastAPI lets no other error through while it reads a body
        return message


def let_grow(request: HTTPConnection, most: int) -> None:
    """Let the body of this request have `most` bytes: a file's, once it is known whose, and before it is read."""
    request.scope[_MOST] = most
