"""One typed stream of events a thread: every channel shows it, and continues it after a break."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import bindparam, insert, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, SQLModel, col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import masking
from naryad.clock import now
from naryad.db.models.event import EventRow
from naryad.db.session import Database
from naryad.tails import Tails, Waker

log = structlog.get_logger()


class EventType(StrEnum):
    """What can happen in a thread."""

    INPUT = "input"
    TOKEN = "token"
    RESET = "reset"
    MESSAGE = "message"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_DECIDED = "approval.decided"
    TOOL_STARTED = "tool.started"
    TOOL_FINISHED = "tool.finished"
    STATUS = "status"
    RUN_WAITING = "run.waiting"
    RUN_FINISHED = "run.finished"
    RUN_FAILED = "run.failed"
    INCIDENT_CREATED = "incident.created"
    INCIDENT_RESOLVED = "incident.resolved"
    INCIDENT_ESCALATED = "incident.escalated"
    INCIDENT_CHANGED = "incident.changed"
    ALERT_TRIGGERED = "alert.triggered"
    ALERT_RESOLVED = "alert.resolved"
    COMPONENT_HEALTHY = "component.healthy"
    COMPONENT_UNHEALTHY = "component.unhealthy"
    METRIC_THRESHOLD_EXCEEDED = "metric.threshold_exceeded"
    HANDOFF_OPENED = "handoff.opened"
    HANDOFF_TAKEN = "handoff.taken"
    HANDOFF_SAID = "handoff.said"
    HANDOFF_REPLIED = "handoff.replied"
    HANDOFF_OVERDUE = "handoff.overdue"
    HANDOFF_RETURNED = "handoff.returned"
    TICKET_CREATED = "ticket.created"
    TICKET_CHANGED = "ticket.changed"
    TICKET_CLOSED = "ticket.closed"


FEED = "feed"
"""The thread of what concerns the whole company: a copy of each such event, with `thread` saying where it happened."""
_FOR_ALL = ("approval.", "incident.", "alert.", "component.", "metric.", "ticket.", "handoff.")


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `seq` counts from 1 within the thread."""

    thread_id: str
    seq: int
    type: EventType
    data: dict[str, Any]
    at: datetime


_TABLE = SQLModel.metadata.tables["event"]
_NEXT = select(func.coalesce(func.max(_TABLE.c.seq), 0) + 1).where(_TABLE.c.thread_id == bindparam("of_thread"))
_ADD = insert(_TABLE).values(
    thread_id=bindparam("of_thread"),
    seq=_NEXT.scalar_subquery(),
    type=bindparam("with_type"),
    data=bindparam("with_data"),
    at=bindparam("with_at"),
)

_NEWER = "SELECT key FROM {each}) AS seen WHERE EXISTS (SELECT 1 FROM event WHERE thread_id = key AND seq > {value})"
_NEWER_SQLITE = text(_NEWER.format(each="json_each(:seen", value="value"))
_NEWER_POSTGRES = text(_NEWER.format(each="json_each_text(CAST(:seen AS json)", value="CAST(value AS integer)"))

Emit = Callable[[EventType, dict[str, Any]], Awaitable[None]]
"""Stores an event of one thread."""
Unless = Callable[[Session, str], bool]
"""Whether nothing may be stored in a thread now; asked in the same transaction."""
JOIN_S = 0.1
"""How long a model's tokens are held back to be stored together."""


class EventLog:
    """Appends events and streams them, live or from any point of the past."""

    POLL_S = 0.5
    """How often a follower looks for events that another process wrote."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tails: Tails[Event] = Tails(self.since, self._newer, lambda: self.POLL_S)

    async def append(self, thread_id: str, kind: EventType, **data: Any) -> None:
        """Store one event and wake the thread's followers."""
        await self.append_unless(None, thread_id, kind, **data)

    async def append_unless(self, unless: Unless | None, thread_id: str, kind: EventType, **data: Any) -> bool:
        """The same, but for what may not be stored there now; returns whether it was."""

        def put(session: Session) -> bool:
            self._database.hold(session, f"event:{thread_id}")
            if unless and unless(session, thread_id):
                return False
            self.put(session, thread_id, kind, **data)
            return True

        stored = await self._database.transact(put, durable=False)
        self._wake(thread_id, feed=kind.startswith(_FOR_ALL))
        return stored

    async def add(self, session: AsyncSession, thread_id: str, kind: EventType, **data: Any) -> None:
        """The same as `put`, for a session that `Database.write` gave out."""
        await session.run_sync(lambda direct: self.put(direct, thread_id, kind, **data))

    def put(self, session: Any, thread_id: str, kind: EventType, **data: Any) -> None:
        """Store one event inside the caller's transaction, who calls `wake` after the commit."""
        self._database.hold(session, f"event:{thread_id}")
        masked = masking.in_value(data, masking.secrets)
        values = {"of_thread": thread_id, "with_type": kind.value, "with_data": masked, "with_at": now()}
        session.connection().execute(_ADD, values)
        if thread_id != FEED and kind.startswith(_FOR_ALL):
            self.put(session, FEED, kind, thread=thread_id, **data)

    def wake(self, thread_id: str) -> None:
        """Let the thread's followers in this process look at once."""
        self._wake(thread_id, feed=True)

    def _wake(self, thread_id: str, *, feed: bool) -> None:
        self._tails.wake(thread_id)
        if feed:
            self._tails.wake(FEED)

    @asynccontextmanager
    async def relay(self, thread_id: str, **data: Any) -> AsyncIterator[Callable[[str], None]]:
        """Give out a function that tells the thread's watchers a status line, from any thread of the process."""
        loop, lines = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        async def write() -> None:
            while (text := await lines.get()) is not None:
                try:
                    await self.append(thread_id, EventType.STATUS, text=text, **data)
                except SQLAlchemyError as error:  # a lost status line is no reason for the tool to fail
                    log.warning("event.status.lost", thread=thread_id, error=type(error).__name__)

        writer = asyncio.create_task(write())

        def tell(text: str) -> None:
            with suppress(RuntimeError):  # a thread that outlived its call may find the loop closed
                loop.call_soon_threadsafe(lines.put_nowait, text)

        try:
            yield tell
        finally:
            loop.call_soon(lines.put_nowait, None)
            await writer

    @asynccontextmanager
    async def joined(self, thread_id: str, unless: Unless | None = None) -> AsyncIterator[Emit]:
        """Give out a function that stores a model's tokens some at a time: one by one each would be a transaction."""
        held: dict[str, Any] = {}
        since = time.monotonic()

        async def flush() -> None:
            nonlocal since
            since = time.monotonic()
            if held:
                data = dict(held)
                held.clear()
                await self.append_unless(unless, thread_id, EventType.TOKEN, **data)

        async def emit(kind: EventType, data: dict[str, Any]) -> None:
            if kind is EventType.TOKEN:
                held.update(data, text=held.get("text", "") + data["text"])
                if time.monotonic() - since >= JOIN_S:
                    await flush()
            else:
                await flush()
                await self.append_unless(unless, thread_id, kind, **data)

        try:
            yield emit
        finally:
            await flush()

    async def since(
        self, thread_id: str, seq: int = 0, limit: int | None = None, *, kinds: Collection[EventType] = ()
    ) -> list[Event]:
        """The thread's events after `seq`, in order; at most so many, and only of these kinds, if any are named."""
        query = select(EventRow).where(EventRow.thread_id == thread_id, EventRow.seq > seq).order_by(col(EventRow.seq))
        if kinds:
            query = query.where(col(EventRow.type).in_(kinds))
        rows = await self._database.look(lambda session: session.exec(query.limit(limit)).all())
        return [_event(row) for row in rows]

    async def last(self, thread_id: str, *kinds: EventType) -> Event | None:
        """The thread's last event of these kinds."""
        query = select(EventRow).where(EventRow.thread_id == thread_id, col(EventRow.type).in_(kinds))
        query = query.order_by(col(EventRow.seq).desc()).limit(1)
        row = await self._database.look(lambda session: session.exec(query).first())
        return _event(row) if row else None

    async def input(self, thread_id: str, input_id: str) -> Event | None:
        """The event that an input came with."""
        return await self.told(thread_id, EventType.INPUT, input=input_id)

    async def told(self, thread_id: str, kind: EventType, **facts: str) -> Event | None:
        """An event of this kind with these facts, if the thread has one."""
        query = select(EventRow).where(EventRow.thread_id == thread_id, EventRow.type == kind)
        for name, fact in facts.items():
            query = query.where(col(EventRow.data)[name].as_string() == fact)
        row = await self._database.look(lambda session: session.exec(query).first())
        return _event(row) if row else None

    def follow(self, thread_id: str, seq: int = 0, waker: Waker | None = None) -> AsyncGenerator[Event]:
        """Events after `seq` as they come, until the waker is closed or the caller stops iterating."""
        waker = waker or Waker()
        waker.seq = seq
        return self._tails.follow(thread_id, waker)

    def forget(self, thread_id: str) -> None:
        """End the following of a thread that is no more."""
        self._tails.close(thread_id)

    async def _newer(self, seen: Mapping[str, int]) -> Collection[str]:
        """The threads that have events after these numbers."""
        query = _NEWER_SQLITE if self._database.sqlite else _NEWER_POSTGRES
        asked = {"seen": json.dumps(seen)}
        return await self._database.look(lambda session: session.connection().execute(query, asked).scalars().all())


def _event(row: EventRow) -> Event:
    return Event(row.thread_id, row.seq, EventType(row.type), row.data, row.at)
