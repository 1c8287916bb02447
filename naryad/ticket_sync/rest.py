"""JSON over HTTP to a tracker: its errors put into ours in this one place, without a secret in them."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from naryad import masking
from naryad.clock import now
from naryad.errors import ToolFailed
from naryad.ticket_sync.tracker import Again, Unavailable

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20.0
LONGEST_S = 3600.0
"""A longer pause is not kept, whoever asks for it."""
SHOWN = 500
"""Characters of a refusal that are kept."""
_LOCKED_OUT = frozenset({401, 407})
_BUSY = frozenset({429, 503})


class Rest:
    """A client of one address.

    Args:
        name: Whose errors they are.
        url: Where the API begins.
        auth: User and password or token; the user may be empty: the token is then a bearer.
    """

    def __init__(self, name: str, url: str, auth: tuple[str, str]) -> None:
        self._name, self._url, self._auth = name, url.rstrip("/"), auth
        self._client: httpx.AsyncClient | None = None

    async def call(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """Ask; returns the JSON of the answer, None for an empty one.

        Raises:
            Unavailable: It cannot be reached, locks us out or wants a pause.
            Again: It broke, or did not answer in time: whether it took effect is not known.
            ToolFailed: It refuses.
        """
        import httpx

        what = f"{self._name}: {method} {path}"
        try:
            answer = await (await self._opened()).request(method, path, params=params, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable(f"{what}: cannot be reached ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise Again(f"{what}: no answer ({type(error).__name__})") from error
        if answer.is_success:
            return self._read(answer, what)
        told = masking.secrets(" ".join(answer.text.split()))[:SHOWN]
        message = f"{what}: HTTP {answer.status_code}: {told}"
        if answer.status_code in _LOCKED_OUT or answer.status_code in _BUSY:
            raise Unavailable(message, _pause(answer.headers.get("retry-after", "")))
        # 403 may be about this one ticket, or the whole project: who may do what is often put right within hours.
        if answer.status_code in {403, 408, 409, 425} or answer.status_code >= 500:
            raise Again(message)
        raise ToolFailed(message, data=answer.status_code)

    async def close(self) -> None:
        """Give back connections."""
        if self._client:
            await self._client.aclose()
            self._client = None

    async def _opened(self) -> "httpx.AsyncClient":
        import httpx

        if self._client is None:
            user, secret = self._auth
            headers = {"Accept": "application/json"} | ({} if user else {"Authorization": f"Bearer {secret}"})
            auth = httpx.BasicAuth(user, secret) if user else None
            made = httpx.AsyncClient
            # Reading the certificates takes a while.
            self._client = await asyncio.to_thread(
                made, base_url=self._url, auth=auth, headers=headers, timeout=TIMEOUT_S, follow_redirects=False
            )
        return self._client

    @staticmethod
    def _read(answer: "httpx.Response", what: str) -> Any:
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:  # a page for people: a proxy's, or one to sign in at
            raise Unavailable(f"{what}: answered something that is no JSON") from error


def _pause(told: str) -> float | None:
    """The seconds of a Retry-After header, which holds a number or a date."""
    try:
        seconds = float(told) if told.strip().isdecimal() else (_date(told) - now()).total_seconds()
    except ValueError:
        return None
    return min(max(seconds, 1.0), LONGEST_S)


def _date(told: str) -> datetime:
    moment = parsedate_to_datetime(told)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
