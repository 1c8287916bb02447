"""Jira's REST API, version 2: Cloud and Data Center alike, but for the search."""

from collections.abc import Mapping, Sequence
from typing import Any

from naryad.errors import ToolFailed
from naryad.ticket_sync.rest import Rest

FIELDS = "summary,status,priority,updated,labels"
PAGE = 50
MOST_PAGES = 100
_GONE = frozenset({404, 405, 410})


class JiraClient:
    """Speaks to one Jira.

    Args:
        url: Its address, with a context path where it has one.
        user: The account's e-mail, for Cloud; empty for Data Center, where the token is a bearer.
        token: The API token.
    """

    def __init__(self, url: str, user: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._rest = Rest("Jira", f"{self.url}/rest/api/2", (user, token))
        self._cloud: bool | None = None

    async def myself(self) -> Mapping[str, Any]:
        """The account that we are."""
        found: Mapping[str, Any] = await self._rest.call("GET", "/myself")
        return found

    async def issue(self, key: str) -> Mapping[str, Any]:
        """One issue."""
        found: Mapping[str, Any] = await self._rest.call("GET", f"/issue/{key}", params={"fields": FIELDS})
        return found

    async def create(self, fields: Mapping[str, Any]) -> str:
        """Make an issue; returns its key."""
        made = await self._rest.call("POST", "/issue", body={"fields": fields})
        return str(made["key"])

    async def edit(self, key: str, fields: Mapping[str, Any]) -> None:
        """Change fields."""
        await self._rest.call("PUT", f"/issue/{key}", body={"fields": fields})

    async def transitions(self, key: str) -> Sequence[Mapping[str, Any]]:
        """The steps that its workflow allows now."""
        found: Sequence[Mapping[str, Any]] = (await self._rest.call("GET", f"/issue/{key}/transitions"))["transitions"]
        return found

    async def transit(self, key: str, transition: str) -> None:
        """Take a step."""
        await self._rest.call("POST", f"/issue/{key}/transitions", body={"transition": {"id": transition}})

    async def comments(self, key: str) -> Sequence[Mapping[str, Any]]:
        """Every comment, the oldest first; raises `ToolFailed` where there are too many to read."""
        found: list[Mapping[str, Any]] = []
        for _page in range(MOST_PAGES):
            asked = {"startAt": len(found), "maxResults": PAGE, "orderBy": "created", "expand": "properties"}
            page = await self._rest.call("GET", f"/issue/{key}/comment", params=asked)
            found += page["comments"]
            if not page["comments"] or len(found) >= page["total"]:
                return found
        raise ToolFailed(f"Jira: {key} has more than {len(found)} comments")

    async def comment(self, key: str, text: str) -> None:
        """Write a comment."""
        await self._rest.call("POST", f"/issue/{key}/comment", body={"body": text})

    async def search(self, jql: str) -> Sequence[Mapping[str, Any]]:
        """Every issue that a query finds: by pages with a token on Cloud, by numbers on Data Center."""
        if self._cloud is None:
            self._cloud = (await self._rest.call("GET", "/serverInfo")).get("deploymentType") == "Cloud"
        try:
            return await (self._by_token(jql) if self._cloud else self._by_number(jql))
        except ToolFailed as refusal:
            if refusal.data not in _GONE:
                raise
            self._cloud = not self._cloud  # an old Cloud, or a new Data Center
            return await (self._by_token(jql) if self._cloud else self._by_number(jql))

    async def close(self) -> None:
        """Give back connections."""
        await self._rest.close()

    async def _by_token(self, jql: str) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        asked: dict[str, Any] = {"jql": jql, "fields": FIELDS, "maxResults": PAGE}
        for _page in range(MOST_PAGES):
            page = await self._rest.call("GET", "/search/jql", params=asked)
            found += page["issues"]
            if page.get("isLast", True) or not page.get("nextPageToken"):
                break
            asked["nextPageToken"] = page["nextPageToken"]
        return found

    async def _by_number(self, jql: str) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for _page in range(MOST_PAGES):
            asked = {"jql": jql, "fields": FIELDS, "maxResults": PAGE, "startAt": len(found)}
            page = await self._rest.call("GET", "/search", params=asked)
            found += page["issues"]
            if not page["issues"] or len(found) >= page["total"]:
                break
        return found
