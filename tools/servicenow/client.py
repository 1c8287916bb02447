"""ServiceNow's Table API."""

from collections.abc import Mapping, Sequence
from typing import Any

from naryad.errors import ToolFailed
from naryad.ticket_sync.rest import Rest

PAGE = 100
MOST_PAGES = 100
_PLAIN = {"sysparm_exclude_reference_link": "true", "sysparm_display_value": "false"}


class ServiceNowClient:
    """Speaks to one instance.

    Args:
        url: Its address.
        user: The account, with a role that may write incidents; empty: the password is an OAuth bearer token.
        password: Its password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._rest = Rest("ServiceNow", f"{self.url}/api/now/table", (user, password))

    async def record(self, table: str, sys_id: str, fields: str) -> Mapping[str, Any]:
        """One record."""
        asked = {**_PLAIN, "sysparm_fields": fields}
        return self._result(await self._rest.call("GET", f"/{table}/{sys_id}", params=asked))

    async def create(self, table: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make a record."""
        return self._result(await self._rest.call("POST", f"/{table}", params=_PLAIN, body=record))

    async def change(self, table: str, sys_id: str, record: Mapping[str, Any]) -> None:
        """Change a record."""
        await self._rest.call("PATCH", f"/{table}/{sys_id}", params=_PLAIN, body=record)

    async def records(self, table: str, query: str, fields: str, *, whole: bool = False) -> Sequence[Mapping[str, Any]]:
        """Every record that an encoded query finds; with `whole` it raises `ToolFailed` for too many of them.

        A page may be short without being the last: what we may not see is taken out of it. An empty one ends them.
        """
        found: list[Mapping[str, Any]] = []
        for page in range(MOST_PAGES):
            asked = {
                **_PLAIN,
                "sysparm_query": query,
                "sysparm_fields": fields,
                "sysparm_limit": PAGE,
                "sysparm_offset": page * PAGE,
            }
            rows = (await self._rest.call("GET", f"/{table}", params=asked))["result"]
            found += rows
            if not rows:
                return found
        if whole:
            raise ToolFailed(f"ServiceNow: more than can be read in {table} of {query}")
        return found

    async def close(self) -> None:
        """Give back connections."""
        await self._rest.close()

    @staticmethod
    def _result(answer: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = answer["result"]
        return found
