"""Every route of the real application, called by everybody, lets in exactly whom the table names."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from naryad.accounts.api_keys import Scope
from naryad.auth import Role, roles_of
from server.access import Needs, open_to_all
from server.alerts import sender as alerts
from server.parts import Parts
from tests.server.conftest import Signed, SignedIn
from tests.server.permissions import PROVES_ITSELF, TABLE

LEVELS = {name: least for rows in TABLE.values() for name, least in rows.items()}
NOBODY = "nobody"
STANDS_FOR = {alerts.sender: alerts._needs}
"""A dependency of an area's own, and what it asks of everybody but the one system that it knows besides."""


class Route(NamedTuple):
    """One method of one path, with everything that its signature depends on."""

    method: str
    path: str
    dependant: Dependant | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def access(self) -> list[Any]:
        """Each word of the signature on who may call, once: a part of the signature may repeat it."""
        found = [STANDS_FOR.get(call, call) for call in (_calls(self.dependant) if self.dependant else ())]
        return [call for call in dict.fromkeys(found) if isinstance(call, Needs) or call is open_to_all]

    @property
    def scope(self) -> Scope | None:
        """What a machine's key must be good for here."""
        return next((need.scope for need in self.access if isinstance(need, Needs)), None)


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def reaches(role: Role, least: str) -> bool:
    """Whether an account of this role is at a level of the table, which may name two roles: `operator or manager`."""
    return any(Role(each) in roles_of(role) for each in least.split(" or "))


def routes_of(app: FastAPI) -> list[Route]:
    """Every route, also those that FastAPI adds, and WebSockets."""
    return [
        Route(method, route.path or "", getattr(route, "dependant", None))
        for route in iter_route_contexts(app.routes)
        for method in sorted((route.methods or {"WS"}) - {"HEAD", "OPTIONS"})
    ]


def test_the_table_names_every_route_and_no_other(app: FastAPI) -> None:
    """A new route must say in the table whom it lets in; a row without its route is a lie."""
    names = [route.name for route in routes_of(app)]
    assert len(names) == len(set(names))
    assert (set(names) - set(LEVELS), set(LEVELS) - set(names)) == (set(), set())
    assert {each for least in LEVELS.values() for each in least.split(" or ")} <= {"public", *Role}
    assert {LEVELS[name] for name in PROVES_ITSELF} <= {"public"}


def test_every_signature_says_who_may_call(app: FastAPI) -> None:
    """Once, and the same as the table: only the description of the API itself has no signature of ours."""
    wrong = {}
    for route in routes_of(app):
        least = LEVELS.get(route.name)
        match route.access:
            case [Needs() as need] if least not in (None, "public"):
                fits = all(bool(need.roles & roles_of(role)) is reaches(role, str(least)) for role in Role)
            case [call] if call is open_to_all:
                fits = least == "public"
            case _:
                fits = route.name in TABLE["docs"]
        if not fits:
            wrong[route.name] = route.access
    assert not wrong


def test_a_machine_reads_but_changes_nothing_with_a_reading_key(app: FastAPI) -> None:
    """And no key of any scope manages accounts or decides anything."""
    changing = [route.name for route in routes_of(app) if route.scope is Scope.READ and route.method != "GET"]
    assert not changing
    people_only = re.compile(
        r"/api/v1/(auth|account|users|emergency)\b|/api/v1/approvals/.*(decision|approve|reject|edit)"
    )
    assert not [route.name for route in routes_of(app) if route.scope and people_only.search(route.path)]


async def status_of(app: FastAPI, route: Route, headers: dict[str, str]) -> int:
    """Call a route with a body that fits nothing; a stream, or a WebSocket's opening, is left at its first word."""
    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    body = json.dumps({"no such field": 1}).encode()
    path = re.sub(r"\{[^}]+\}", "none", route.path)
    kind = "websocket" if route.method == "WS" else "http"
    scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": route.method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"test"),
            (b"content-type", b"application/json"),
            *((name.lower().encode(), value.encode()) for name, value in headers.items()),
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("test", 80),
        "scheme": "ws" if kind == "websocket" else "http",
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    inbox = [{"type": "websocket.connect"}] if kind == "websocket" else [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        if inbox:
            return inbox.pop()
        return await asyncio.Event().wait()  # the caller stays

    async def send(message: Any) -> None:
        if not answered.done():
            refused = {"websocket.accept": 101, "websocket.close": 403}
            answered.set_result(message.get("status") or refused[message["type"]])

    call = asyncio.create_task(app(scope, receive, send))
    either: set[asyncio.Future[Any]] = {call, answered}
    await asyncio.wait(either, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    return answered.result()


async def test_every_route_lets_in_whom_the_table_names(app: FastAPI, parts: Parts, sign_in: Signed) -> None:
    """Anybody below the level hears 401 or 403 whatever they send; anybody at it hears what they sent is wrong."""
    people = {role: await sign_in(role, second_factor=True) for role in Role}
    wrong = {}
    for route in routes_of(app):
        least = LEVELS.get(route.name, "public")
        for who in (NOBODY, *Role):
            status = await status_of(app, route, {} if who == NOBODY else await fresh(parts, people[Role(who)]))
            if least == "public":
                fits = status not in (401, 403) or route.name in PROVES_ITSELF
            elif who == NOBODY:
                fits = status == 401
            else:
                fits = (status not in (401, 403)) if reaches(Role(who), least) else status == 403
            if not fits or status == 500:
                wrong[f"{route.name} by {who}"] = status
    assert not wrong


@pytest.mark.parametrize("scope", Scope)
async def test_a_key_opens_what_its_scope_names_and_nothing_else(
    app: FastAPI, parts: Parts, sign_in: Signed, scope: Scope
) -> None:
    """Even the key of an administrator."""
    owner = await sign_in(Role.ADMIN)
    _row, key = await parts.keys.issue(owner.id, "machine", [scope])
    headers = {"Authorization": f"Bearer {key}"}
    guarded = [route for route in routes_of(app) if LEVELS.get(route.name) not in (None, "public")]
    let_in = [route.name for route in guarded if await status_of(app, route, headers) not in (401, 403)]
    assert let_in == [route.name for route in guarded if route.scope is scope]


async def fresh(parts: Parts, person: SignedIn) -> dict[str, str]:
    """The header of another device of a person, second factor shown: some routes sign the calling one out."""
    return (await person.again(parts)).headers
