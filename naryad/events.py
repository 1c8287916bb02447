"""One typed stream of events a thread: every channel shows it, and continues it after a break."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import func, select

from naryad.clock import now
from naryad.db.models.event import EventRow
from naryad.db.session import Database


class EventType(StrEnum):
    """What can happen in a thread."""

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


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `seq` counts from 1 within the thread."""

    thread_id: str
    seq: int
    type: EventType
    data: dict[str, Any]
    at: datetime


class EventLog:
    """Appends events and streams them, live or from any point of the past."""

    POLL_S = 0.5
    """How often a follower looks for events that another process wrote."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wakers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def append(self, thread_id: str, kind: EventType, **data: Any) -> None:
        """Store one event and wake the thread's followers."""
        async with self._database.write() as session:
            await self._database.serialize(session, f"event:{thread_id}")
            last = (await session.exec(select(func.max(EventRow.seq)).where(EventRow.thread_id == thread_id))).one()
            session.add(EventRow(thread_id=thread_id, seq=(last or 0) + 1, type=kind, data=data, at=now()))
        for waker in self._wakers.get(thread_id, ()):
            waker.set()

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
