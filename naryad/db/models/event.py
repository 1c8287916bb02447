"""Stored events: what every channel streams and replays."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from naryad.clock import now
from naryad.db.types import Json, UtcDateTime

ENDED = "type IN ('run.finished', 'run.failed')"
"""The ends of runs. Of many events few are; whoever says it in these very words finds them by their index."""


class EventRow(SQLModel, table=True):
    """One event of a thread; `seq` counts from 1 within the thread."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_ended", "at", sqlite_where=text(ENDED), postgresql_where=text(ENDED)),)

    thread_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    type: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
