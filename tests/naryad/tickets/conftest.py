"""Tickets on each database, with a clock that the test sets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from naryad.db.models.ticket import Ticket, TicketEntry
from naryad.db.session import Database
from naryad.events import FEED, EventLog
from naryad.tickets import watch
from naryad.tickets.tickets import Tickets

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
ANNA, HELPER = "account:anna", "account:helper"


@dataclass
class World:
    """Tickets, what was told of them, and the time."""

    database: Database
    events: EventLog
    tickets: Tickets
    now: datetime = field(default=MONDAY)

    async def pass_by(self, **time: float) -> None:
        """Let time pass, and then look at what it brought."""
        self.now += timedelta(**time)
        await watch.sweep(self.tickets, self.now)

    async def ask(self, text: str = "The printer jams", requester: str = ANNA, **more: object) -> Ticket:
        made = {"subject": "", "text": text, "requester": requester, "by": requester, **more}
        return await self.tickets.create(**made)  # type: ignore[arg-type]

    async def told(self, thread: str = FEED) -> list[str]:
        return [event.data["event"] for event in await self.events.since(thread) if "event" in event.data]

    async def journal(self, ticket: Ticket) -> Sequence[TicketEntry]:
        return await self.tickets.journal(ticket.id, internal=True)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARYAD_LANG", "en")


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    events = EventLog(database)
    made = World(database, events, Tickets(database, events))
    monkeypatch.setattr("naryad.tickets.tickets.now", lambda: made.now)
    return made
