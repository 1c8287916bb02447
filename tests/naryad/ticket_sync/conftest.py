"""Tickets of ours, and a tracker that is simulated at the other end of a real connection."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, func, select, update

from lab.jira import server as jira
from lab.servicenow import server as servicenow
from lab.tracker_faults import Faults
from naryad.clock import now
from naryad.db import migrate
from naryad.db.models.external_ticket import ExternalTicket
from naryad.db.models.ticket import Author, Ticket, TicketEntry
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.settings import Settings
from naryad.ticket_sync.sync import TicketSync
from naryad.tickets.tickets import Tickets
from tools import trackers

ANNA = "account:anna"


@dataclass
class There:
    """The tracker's side, in words that hold for both."""

    name: str
    world: Any
    faults: Faults
    url: str

    @property
    def issues(self) -> list[Any]:
        """Everything that was made there."""
        known = self.world.issues if self.name == "jira" else self.world.tables["incident"]
        return list(known.values())

    @property
    def writes(self) -> list[str]:
        """The requests that changed something."""
        return [asked for asked in self.faults.asked if not asked.startswith("GET")]

    @property
    def comments(self) -> list[str]:
        """What was said there to everybody, on any issue."""
        if self.name == "jira":
            return [comment.body for issue in self.issues for comment in issue.comments if not comment.hidden]
        rows = self.world.tables["sys_journal_field"].values()
        return [row["value"] for row in rows if row["element"] == "comments"]

    def say(self, text: str, *, hidden: bool = False) -> None:
        """A colleague there says something on the first issue."""
        if self.name == "jira":
            self.world.say(self.issues[0].key, "boris", text, hidden=hidden)
        else:
            self.world.write(self.issues[0]["sys_id"], {"work_notes" if hidden else "comments": text}, "boris")

    def hide(self) -> None:
        """What was said there so far is for the staff alone from now on."""
        for issue in self.issues:
            for comment in issue.comments if self.name == "jira" else ():
                comment.hidden = True
        for row in self.world.tables["sys_journal_field"].values() if self.name == "servicenow" else ():
            row["element"] = "work_notes"

    def move(self, jira_status: str, state: str) -> None:
        """A colleague there sets the status of the first issue."""
        if self.name == "jira":
            self.world.move(self.issues[0].key, jira_status)
        else:
            self.world.write(self.issues[0]["sys_id"], {"state": state}, "boris")

    def rank(self, jira_priority: str, impact: str, urgency: str) -> None:
        """A colleague there sets the priority of the first issue."""
        if self.name == "jira":
            self.world.rank(self.issues[0].key, jira_priority)
        else:
            self.world.write(self.issues[0]["sys_id"], {"impact": impact, "urgency": urgency}, "boris")

    @property
    def status(self) -> str:
        """That of the first issue, as the tracker calls it."""
        return str(self.issues[0].status if self.name == "jira" else self.issues[0]["state"])

    @property
    def priority(self) -> str:
        """That of the first issue, as the tracker calls it."""
        return str(self.issues[0].priority if self.name == "jira" else self.issues[0]["priority"])


@dataclass
class Both:
    """Our side and theirs, and what keeps them in step."""

    tickets: Tickets
    there: There
    open: Callable[[], TicketSync]

    def __post_init__(self) -> None:
        self.sync = self.open()

    async def ticket(self, text: str = "The printer smokes", **more: Any) -> Ticket:
        """A new ticket of Anna's."""
        return await self.tickets.create(subject=text, text=text, requester=ANNA, by=ANNA, **more)

    async def settle(self, sync: TicketSync | None = None) -> None:
        """Bring both sides into step; afterwards nothing is written any more, here or there."""
        sync = sync or self.sync
        for _pass in (1, 2):
            await sync.ask()
            before = len(self.there.writes), await self.tickets.database.look(_entries)
            for _round in range(10):
                if not await sync.look():
                    break
            else:
                raise AssertionError("they are never in step")
            after = len(self.there.writes), await self.tickets.database.look(_entries)
        assert before == after, f"an echo goes round: {self.there.writes}"

    async def journal(self, ticket: Ticket, event: str = "comment") -> list[TicketEntry]:
        """Lines of our journal."""
        query = select(TicketEntry).where(TicketEntry.ticket_id == ticket.id, TicketEntry.event == event)
        query = query.order_by(col(TicketEntry.id))
        return list(await self.tickets.database.look(lambda session: session.exec(query).all()))

    async def say(self, ticket: Ticket, text: str, author: Author = Author.REQUESTER, *, public: bool = True) -> None:
        """Somebody here says something."""
        by = ANNA if author is Author.REQUESTER else "account:clara"
        await self.tickets.comment(ticket.id, by, text, author=author, public=public)

    async def copy(self, ticket: Ticket) -> ExternalTicket:
        """What is kept of the copy."""
        query = select(ExternalTicket).where(ExternalTicket.ticket_id == ticket.id)
        return await self.tickets.database.look(lambda session: session.exec(query).one())

    async def rested(self) -> None:
        """Let the pauses and leases be over."""
        past = now() - timedelta(seconds=1)
        statement = update(ExternalTicket).where(~col(ExternalTicket.due_at).is_(None)).values(due_at=past)
        leases = update(ExternalTicket).values(owner=None, lease_until=None)
        async with self.tickets.database.write() as session:
            await session.exec(statement)
            await session.exec(leases)


def _entries(session: Session) -> int:
    return session.exec(select(func.count()).select_from(TicketEntry)).one()


@pytest.fixture(params=["jira", "servicenow"])
async def there(request: pytest.FixtureRequest) -> AsyncIterator[There]:
    async with AsyncExitStack() as opened:
        if request.param == "jira":
            one = await opened.enter_async_context(jira.simulator())
            yield There("jira", one.world, one.faults, one.url)
        else:
            other = await opened.enter_async_context(servicenow.simulator())
            yield There("servicenow", other.world, other.faults, other.url)


@pytest.fixture
async def both(there: There, alone: Path) -> AsyncIterator[Both]:
    named: dict[str, Any] = {"SERVICENOW_URL": there.url, "SERVICENOW_USER": servicenow.USER}
    named["SERVICENOW_PASSWORD"] = servicenow.PASSWORD
    if there.name == "jira":
        named = {"JIRA_URL": there.url, "JIRA_USER": jira.USER, "JIRA_TOKEN": jira.TOKEN, "JIRA_PROJECT": "HELP"}
    settings = Settings(NARYAD_HOME=alone, **named)
    database = Database(settings.database, power_safe=False)
    await migrate.upgrade(database)
    tickets = Tickets(database, EventLog(database))
    opened: list[Any] = []

    def sync() -> TicketSync:
        [tracker] = trackers.configured(settings)
        opened.append(tracker)
        return TicketSync(tickets, tracker)

    try:
        yield Both(tickets, there, sync)
    finally:
        for tracker in opened:
            await tracker.close()
        await database.close()
