"""Handoffs: conversations that a person answers instead of the agent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel, UniqueConstraint, text

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class HandoffStatus(StrEnum):
    """Where a handoff stands: somebody is waited for, answers, or gave the thread back to the agent."""

    OPEN = "open"
    TAKEN = "taken"
    RETURNED = "returned"


_ACTIVE: Any = text("status <> 'returned'")


class Handoff(SQLModel, table=True):
    """One handoff of one thread; a thread has at most one that is not returned.

    Attributes:
        thread_id: The conversation.
        input_id: What the person said that led to it; where somebody took the thread over, their own mark.
        ticket_id: The ticket that it is worked on by.
        principal: Whose conversation it is.
        summary: What the person wants.
        tried: What the agent did, in order.
        urgency: `critical`, `high`, `medium` or `low`.
        contact: How the person can be reached.
        reason: Why the agent gave up.
        opened_by: The agent (`agent:…`), or the person who took the thread over.
        taken_by: Who answers, or did last.
        ring_at: When somebody must have taken it; None while nobody is waited for.
        rings: How often nobody had.
    """

    __table_args__ = (
        UniqueConstraint("thread_id", "input_id"),
        Index("ux_handoff_active", "thread_id", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    thread_id: str
    input_id: str
    ticket_id: str
    principal: str
    status: HandoffStatus = Field(default=HandoffStatus.OPEN, index=True, sa_type=text_enum(HandoffStatus))
    summary: str
    tried: list[str] = Field(default_factory=list, sa_type=Json)
    urgency: str
    contact: str = ""
    reason: str = ""
    opened_by: str
    opened_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    taken_by: str = ""
    taken_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    returned_by: str = ""
    returned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ring_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    rings: int = 0
