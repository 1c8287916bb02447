"""ServiceNow as a tracker: incidents, found again by their correlation id."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from naryad.db.models.ticket import Priority
from naryad.settings import Settings
from naryad.ticket_sync.mapping import ServiceNowWords
from naryad.ticket_sync.tracker import OVER, Remote, Said, State
from tools.servicenow.client import ServiceNowClient

MARK = "naryad"
"""In `correlation_display` of each incident that is a copy of a ticket."""
_TABLE, _JOURNAL = "incident", "sys_journal_field"
_FIELDS = "sys_id,number,state,priority,sys_updated_on"
_SUMMARY_CHARS = 160
TEXT_CHARS = 3_900
"""`description` and a journal's entry take 4,000 characters."""
_CODE = re.compile(r"\[(?=\s*/?\s*code)", re.IGNORECASE)


class ServiceNowTracker:
    """Keeps incidents.

    Args:
        client: Speaks to ServiceNow.
        words: Its choices.
    """

    name = "servicenow"

    def __init__(self, client: ServiceNowClient, words: ServiceNowWords) -> None:
        self._client, self._words = client, words

    async def check(self) -> None:
        """Raise unless ServiceNow knows us."""
        await self._client.records(_TABLE, "sys_id=none", "sys_id")

    async def find(self, key: str) -> Remote | None:
        """By its correlation id."""
        query = f"correlation_id={key}^ORDERBYsys_created_on"
        found = await self._client.records(_TABLE, query, _FIELDS)
        return self._remote(found[0]) if found else None

    async def create(self, key: str, subject: str, text: str, priority: Priority) -> Remote:
        """Make an incident."""
        record = {
            "short_description": literal(subject)[:_SUMMARY_CHARS],
            "description": literal(text)[:TEXT_CHARS],
            "correlation_id": key,
            "correlation_display": MARK,
            **self._ranked(priority),
        }
        return self._remote(await self._client.create(_TABLE, record))

    async def get(self, external_id: str) -> Remote:
        """One incident."""
        return self._remote(await self._client.record(_TABLE, external_id, _FIELDS))

    async def said(self, external_id: str) -> Sequence[Said]:
        """Comments; work notes are the staff's own."""
        query = f"element_id={external_id}^element=comments^ORDERBYsys_created_on"
        rows = await self._client.records(_JOURNAL, query, "sys_id,value,sys_created_by,sys_created_on", whole=True)
        return [Said(row["sys_id"], row["sys_created_by"], row["value"]) for row in rows]

    async def say(self, external_id: str, text: str, mark: str) -> None:
        """Write a comment."""
        words = literal(text)[: TEXT_CHARS - len(mark)]
        await self._client.change(_TABLE, external_id, {"comments": f"{words}\n\n{mark}"})

    async def move(self, external_id: str, state: State) -> bool:
        """Set the state, with what it must be said with."""
        record = {"state": self._words.statuses[state][0]}
        if state is State.WAITING:
            record["hold_reason"] = self._words.hold_reason
        if state in OVER:
            record |= {"close_code": self._words.close_code, "close_notes": "Naryad"}
        await self._client.change(_TABLE, external_id, record)
        return True

    async def rank(self, external_id: str, priority: Priority) -> None:
        """Set impact and urgency, of which the priority is made."""
        await self._client.change(_TABLE, external_id, self._ranked(priority))

    async def changed(self, minutes: int) -> Sequence[str]:
        """In relative time: an absolute one is read in the account's time zone."""
        query = f"correlation_display={MARK}^sys_updated_onRELATIVEGE@minute@ago@{minutes}^ORDERBYsys_updated_on"
        return [row["sys_id"] for row in await self._client.records(_TABLE, query, "sys_id")]

    async def close(self) -> None:
        """Give back connections."""
        await self._client.close()

    def _ranked(self, priority: Priority) -> dict[str, str]:
        impact, urgency = self._words.impact_and_urgency[priority]
        return {"impact": impact, "urgency": urgency}

    def _remote(self, record: Mapping[str, Any]) -> Remote:
        states = (one for one, values in self._words.statuses.items() if record["state"] in values)
        ranks = (one for one, values in self._words.priorities.items() if record["priority"] in values)
        return Remote(
            id=record["sys_id"],
            url=f"{self._client.url}/nav_to.do?uri=incident.do?sys_id={record['sys_id']}",
            state=next(states, State.OPEN),
            priority=next(ranks, Priority.LOW),
            changed_at=datetime.strptime(record["sys_updated_on"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC),
        )


def literal(text: str) -> str:
    """A text whose parts a journal does not take for HTML: it does between `[code]` and `[/code]`."""
    return _CODE.sub("[\u200b", text)


def configured(settings: Settings, words: ServiceNowWords) -> ServiceNowTracker | None:
    """The tracker of the settings; None where they name none."""
    if not (settings.servicenow_url and settings.servicenow_password):
        return None
    secret = settings.servicenow_password.get_secret_value()
    return ServiceNowTracker(ServiceNowClient(settings.servicenow_url, settings.servicenow_user, secret), words)
