"""Jira as a tracker: issues of one project, found again by a label."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from naryad.db.models.ticket import Priority
from naryad.errors import ToolFailed
from naryad.settings import Settings
from naryad.ticket_sync.mapping import JiraWords
from naryad.ticket_sync.tracker import Remote, Said, State
from tools.jira.client import JiraClient

LABEL = "naryad"
"""On each issue that is a copy of a ticket."""
TEXT_CHARS = 30_000
"""Jira takes 32,767 characters."""
_SUMMARY_CHARS = 250
_TOKEN, _BROKEN = re.compile(r"\{(?=\s*noformat)|\[(?=\s*~)", re.IGNORECASE), "\\g<0>\u200b"
"""What counts even in a block without markup, and how a space without width breaks it."""


class JiraTracker:
    """Keeps issues of one project.

    Args:
        client: Speaks to Jira.
        project: The project's key.
        words: Its statuses and priorities.
    """

    name = "jira"

    def __init__(self, client: JiraClient, project: str, words: JiraWords) -> None:
        self._client, self._project, self._words = client, project, words

    async def check(self) -> None:
        """Raise unless Jira knows us."""
        await self._client.myself()

    async def find(self, key: str) -> Remote | None:
        """By its own label."""
        found = await self._client.search(f'project = "{self._project}" AND labels = "{key}" ORDER BY created ASC')
        return self._remote(found[0]) if found else None

    async def create(self, key: str, subject: str, text: str, priority: Priority) -> Remote:
        """Make an issue; where the project's screen has no priority, without one."""
        fields = {
            "project": {"key": self._project},
            "issuetype": {"name": self._words.issue_type},
            "summary": subject[:_SUMMARY_CHARS],
            "description": literal(text),
            "labels": [LABEL, key],
            "priority": {"name": self._words.priorities[priority][0]},
        }
        try:
            return await self.get(await self._client.create(fields))
        except ToolFailed as refusal:
            if not _about_priority(refusal):
                raise
            del fields["priority"]
            return await self.get(await self._client.create(fields))

    async def get(self, external_id: str) -> Remote:
        """One issue."""
        return self._remote(await self._client.issue(external_id))

    async def said(self, external_id: str) -> Sequence[Said]:
        """What everybody may read: comments for some role or group, and those of a service desk's staff, are not."""
        return [
            Said(str(one["id"]), (one.get("author") or {}).get("displayName", ""), one.get("body") or "")
            for one in await self._client.comments(external_id)
            if _public(one)
        ]

    async def say(self, external_id: str, text: str, mark: str) -> None:
        """Write a comment."""
        await self._client.comment(external_id, f"{literal(text)}\n\n{mark}")

    async def move(self, external_id: str, state: State) -> bool:
        """Take the step of the workflow that leads there, if there is one."""
        ways = {way["to"]["name"].lower(): way["id"] for way in await self._client.transitions(external_id)}
        for name in self._words.statuses.get(state, []):
            if way := ways.get(name.lower()):
                await self._client.transit(external_id, way)
                return True
        return False

    async def rank(self, external_id: str, priority: Priority) -> None:
        """Set the priority, where the project has one."""
        try:
            await self._client.edit(external_id, {"priority": {"name": self._words.priorities[priority][0]}})
        except ToolFailed as refusal:
            if not _about_priority(refusal):
                raise

    async def changed(self, minutes: int) -> Sequence[str]:
        """In Jira's own relative time: an absolute one is read in the account's time zone."""
        jql = f'project = "{self._project}" AND labels = "{LABEL}" AND updated >= "-{minutes}m" ORDER BY updated ASC'
        return [str(issue["key"]) for issue in await self._client.search(jql)]

    async def close(self) -> None:
        """Give back connections."""
        await self._client.close()

    def _remote(self, issue: Mapping[str, Any]) -> Remote:
        fields = issue["fields"]
        priority = ((fields.get("priority") or {}).get("name") or "").lower()
        ranks = (one for one, names in self._words.priorities.items() if priority in map(str.lower, names))
        return Remote(
            id=str(issue["key"]),
            url=f"{self._client.url}/browse/{issue['key']}",
            state=self._state(fields["status"]),
            priority=next(ranks, Priority.MEDIUM),
            changed_at=datetime.fromisoformat(fields["updated"]),
        )

    def _state(self, status: Mapping[str, Any]) -> State:
        name = status["name"].lower()
        for state, names in self._words.statuses.items():
            if name in map(str.lower, names):
                return state
        category = (status.get("statusCategory") or {}).get("key")
        return State.RESOLVED if category == "done" else State.OPEN


def literal(text: str) -> str:
    """A text as a block in which no markup counts: neither its end nor a mention, which is looked for there too."""
    return f"{{noformat}}\n{_TOKEN.sub(_BROKEN, text)[:TEXT_CHARS]}\n{{noformat}}"


def configured(settings: Settings, words: JiraWords) -> JiraTracker | None:
    """The tracker of the settings; None where they name none."""
    if not (settings.jira_url and settings.jira_token and settings.jira_project):
        return None
    client = JiraClient(settings.jira_url, settings.jira_user, settings.jira_token.get_secret_value())
    return JiraTracker(client, settings.jira_project, words)


def _public(comment: Mapping[str, Any]) -> bool:
    """Whether everybody may read it: Cloud has a field for that, Data Center's service desk a property."""
    properties = comment.get("properties") or []
    told = [one.get("value") for one in properties if one.get("key") == "sd.public.comment"]
    internal = any(not isinstance(one, Mapping) or str(one.get("internal")).lower() == "true" for one in told)
    return not comment.get("visibility") and comment.get("jsdPublic", True) and not internal


def _about_priority(refusal: ToolFailed) -> bool:
    """Whether it was refused since the project's screen has no priority, or other names for it."""
    return refusal.data == HTTPStatus.BAD_REQUEST and '"priority"' in refusal.message
