"""One typed stream of events a thread: every channel shows it, and continues it after a break."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import bindparam, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import masking
from naryad.clock import now
from naryad.db.models.event import EventRow
from naryad.db.session import Database

log = structlog.get_logger()


class EventType(StrEnum):
    """What can happen in a thread."""

    INPUT = "input"
    TOKEN = "token"
    RESET = "reset"
    MESSAGE = "message"
    TOOL_PROPOSED = "tool.proposed"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_DECIDED = "approval.decided"
    TOOL_STARTED = "tool.started"
    TOOL_FINISHED = "tool.finished"
    STATUS = "status"
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


FEED = "feed"
"""The thread of what concerns the whole company: a copy of each such event, with `thread` saying where it happened."""
_FOR_ALL = ("approval.", "incident.", "alert.", "component.", "metric.")


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


JOIN_S = 0.1
"""How long a model's tokens are held back to be stored together."""


class EventLog:
    """Appends events and streams them, live or from any point of the past."""

    POLL_S = 0.5
    """How often a follower looks for events that another process wrote."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wakers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def append(self, thread_id: str, kind: EventType, **data: Any) -> None:
        """Store one event and wake the thread's followers."""
        await self._database.transact(lambda session: self.put(session, thread_id, kind, **data), durable=False)
        self.wake(thread_id)

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
        for waker in (*self._wakers.get(thread_id, ()), *self._wakers.get(FEED, ())):
            waker.set()

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
    async def joined(self, thread_id: str) -> "AsyncIterator[Callable[[EventType, dict[str, Any]], Awaitable[None]]]":
        """Give out a function that stores a model's tokens some at a time: one by one each would be a transaction."""
        held: dict[str, Any] = {}
        since = time.monotonic()

        async def flush() -> None:
            nonlocal since
            since = time.monotonic()
            if held:
                data = dict(held)
                held.clear()
                await self.append(thread_id, EventType.TOKEN, **data)

        async def emit(kind: EventType, data: dict[str, Any]) -> None:
            if kind is EventType.TOKEN:
                held.update(data, text=held.get("text", "") + data["text"])
                if time.monotonic() - since >= JOIN_S:
                    await flush()
            else:
                await flush()
                await self.append(thread_id, kind, **data)

        try:
            yield emit
        finally:
            await flush()

    async def since(self, thread_id: str, seq: int = 0) -> list[Event]:
        """The thread's events after `seq`, in order."""
        async with self._database.read() as session:
            query = select(EventRow).where(EventRow.thread_id == thread_id, EventRow.seq > seq).order_by(EventRow.seq)  # type: ignore[arg-type]
            rows = (await session.exec(query)).all()
        return [Event(row.thread_id, row.seq, EventType(row.type), row.data, row.at) for row in rows]

    async def follow(self, thread_id: str, seq: int = 0) -> AsyncIterator[Event]:
        """Events after `seq` as they come, without end; the caller stops iterating."""
        waker = asyncio.Event()
        self._wakers[thread_id].add(waker)
        try:
            while True:
                waker.clear()
                for event in await self.since(thread_id, seq):
                    seq = event.seq
                    yield event
                try:
                    await asyncio.wait_for(waker.wait(), self.POLL_S)
                except TimeoutError:
                    continue
        finally:
            self._wakers[thread_id].discard(waker)
            if not self._wakers[thread_id]:
                del self._wakers[thread_id]
