"""Threads: one conversation or incident with an agent, run by one process at a time."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime


class Thread(SQLModel, table=True):
    """One thread; `owner` and `lease_until` are the lock of the process that runs it now.

    `cancelled_by` is who wants its run to end, until it has ended.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    agent: str
    principal: str = Field(index=True)
    title: str = ""
    owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_by: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class QueuedInput(SQLModel, table=True):
    """Input that waits until the thread's present run is over; taken in order of `id`."""

    __tablename__ = "queued_input"

    id: str = Field(default_factory=new_id, primary_key=True)
    thread_id: str = Field(foreign_key="thread.id", index=True)
    data: dict[str, Any] = Field(sa_type=Json)
