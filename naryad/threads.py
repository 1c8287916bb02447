"""Threads as people see them: whose they are, where they stand, what was said, and how they are forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, delete, or_, select, update

from naryad import masking
from naryad.auth import Person, Role
from naryad.clock import now
from naryad.db.models.event import EventRow
from naryad.db.models.gate import Approval, ApprovalStatus, Seen
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.mail import MailThread
from naryad.db.models.output import Output
from naryad.db.models.thread import QueuedInput, Thread
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.events import FEED, Event, EventLog, EventType
from naryad.i18n import _
from naryad.inputs import TITLE_CHARS
from naryad.notify import removal
from naryad.run_events import ENDS

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

SYSTEM = "system:"
"""Begins the principals that are no person, such as a monitor; operators see their threads."""
LOOKED_THROUGH = 500
"""Titles that are read at a time when a text is searched for."""


class Status(StrEnum):
    """What a thread does."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    """Its step broke; it is tried again, later each time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a thread stands.

    Attributes:
        approvals: What it waits for.
        answer: The last thing that the agent said.
    """

    status: Status
    approvals: Sequence[Approval]
    answer: str | None


class Threads:
    """Opens, finds, reads and erases threads."""

    def __init__(self, database: Database, events: EventLog, saver: "BaseCheckpointSaver[str]") -> None:
        self._database, self._events, self._saver = database, events, saver

    async def open(self, agent: str, person: Person, title: str = "") -> Thread:
        """A new thread; its title is the first words that are said, unless it has one."""
        thread = Thread(agent=agent, principal=person.id, title=masking.secrets(title[:TITLE_CHARS]))
        async with self._database.write() as session:
            session.add(thread)
        return thread

    async def get(self, thread_id: str, person: Person) -> Thread:
        """One thread that the person may see; raises `NotFound` for any other, and where there is none."""
        query = select(Thread).where(Thread.id == thread_id, _visible(person))
        thread = await self._database.look(lambda session: session.exec(query).first())
        if thread is None:
            raise NotFound(_("There is no thread {id!r}.").format(id=thread_id))
        return thread

    async def listed(
        self, person: Person, *, before: str = "", text: str = "", agent: str = "", limit: int = 50
    ) -> Sequence[Thread]:
        """Threads that the person may see, the newest first.

        Args:
            person: Who asks.
            before: The id of the last one that was shown already.
            text: What the title has in it, in whatever case.
            agent: Whose threads.
            limit: How many.
        """
        query = select(Thread).where(_visible(person)).order_by(col(Thread.id).desc())
        if agent:
            query = query.where(Thread.agent == agent)

        def look(session: Session) -> list[Thread]:
            found: list[Thread] = []
            after, read = before, LOOKED_THROUGH if text else limit
            while True:
                page = session.exec((query.where(Thread.id < after) if after else query).limit(read)).all()
                # Here and not in SQL: SQLite folds the case of Latin letters only.
                found += [thread for thread in page if text.casefold() in thread.title.casefold()]
                if len(page) < read or len(found) >= limit:
                    return found[:limit]
                after = page[-1].id

        return await self._database.look(look)

    async def standing(self, thread: Thread) -> Standing:
        """Where a thread stands now."""
        told = await self._events.last(thread.id, EventType.MESSAGE)
        ended = await self._events.last(thread.id, *ENDS)
        asked = select(Approval).where(
            Approval.thread_id == thread.id, Approval.status == ApprovalStatus.PENDING, Approval.expires_at > now()
        )
        queued = select(QueuedInput.id).where(QueuedInput.thread_id == thread.id).limit(1)

        def look(session: Session) -> tuple[Sequence[Approval], bool, bool]:
            held = session.get(Thread, thread.id)
            approvals = session.exec(asked.order_by(col(Approval.id))).all()
            return approvals, session.exec(queued).first() is not None, bool(held and held.owner)

        approvals, busy, held = await self._database.look(look)
        status = Status.RUNNING if busy else Status.IDLE
        if busy and ended and ended.type is EventType.RUN_WAITING:
            still = {approval.id for approval in approvals}
            status = Status.WAITING if still.issuperset(ended.data["approvals"]) else status
        elif busy and not held and ended and ended.type is EventType.RUN_FAILED:
            status = Status.FAILED
        return Standing(status, approvals, told.data["text"] if told else None)

    async def messages(self, thread_id: str, *, after: int = 0, limit: int = 100) -> Sequence[Event]:
        """What was said, in order: input and messages; pieces of messages are none, withdrawn or not."""
        return await self._events.since(thread_id, after, limit, kinds=(EventType.INPUT, EventType.MESSAGE))

    async def erase(self, thread_id: str, *, handed_over: bool = False) -> None:
        """Forget a thread everywhere; only the audit, approvals and incidents stay, which are the company's.

        Args:
            thread_id: Which one.
            handed_over: Also while a person answers there: the handoff goes with it.

        Raises:
            Refused: It runs, or waits for people: it must be cancelled first.
        """
        async with self._database.write() as session:
            await self._database.serialize(session, f"thread:{thread_id}")
            busy = select(QueuedInput.id).where(QueuedInput.thread_id == thread_id)
            if (await session.exec(busy.limit(1))).first():
                raise Refused(_("Thread {id} still runs: cancel it first.").format(id=thread_id))
            held = select(Handoff.id).where(Handoff.thread_id == thread_id, Handoff.status != HandoffStatus.RETURNED)
            if not handed_over and (await session.exec(held.limit(1))).first():
                raise Refused(
                    _("A person answers in thread {id}: it can be deleted once they are done.").format(id=thread_id)
                )
            of_thread: Any = col(EventRow.data)["thread"].as_string() == thread_id
            # A copy in the feed keeps its number, which others count from, but nothing of what it said.
            blank = update(EventRow).where(col(EventRow.thread_id) == FEED, of_thread)
            await session.exec(blank.values(data={"thread": thread_id, "erased": True}))
            handoffs = (await session.exec(select(Handoff.id).where(Handoff.thread_id == thread_id))).all()
            told = [f"handoff:{one}{what}" for one in handoffs for what in ("", ":said")]
            await session.run_sync(partial(removal.erase, self._database, [f"reply:{thread_id}", *told]))
            for table in (EventRow, Output, Seen, Handoff, MailThread):
                await session.exec(delete(table).where(col(table.thread_id) == thread_id))
            await session.exec(delete(Thread).where(col(Thread.id) == thread_id))
            await self._saver.adelete_thread(thread_id)
        self._events.forget(thread_id)


def _visible(person: Person) -> Any:
    own = col(Thread.principal) == person.id
    if Role.OPERATOR not in person.roles:
        return own
    return or_(own, col(Thread.principal).startswith(SYSTEM, autoescape=True))
