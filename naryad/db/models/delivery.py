"""Messages on their way to people, and what remembers whom to tell next."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class DeliveryStatus(StrEnum):
    """Where a message stands; `DEAD` ones are tried again only when a person says so."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


class Delivery(SQLModel, table=True):
    """One message to one target; `key` is unique for ever, so that nothing is told twice.

    `held_until` stops the whole target: its system asked for a pause. `owner` and `lease_until` are the lock of the
    process that sends it now. `external_id` is the message's id in the system that took it.
    """

    __table_args__ = (
        Index("ix_delivery_due", "status", "due_at"),
        Index("ix_delivery_lane", "channel", "target", "subject"),
        Index("ix_delivery_subject", "subject"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    key: str = Field(unique=True)
    channel: str
    target: str
    subject: str = ""
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    status: DeliveryStatus = Field(default=DeliveryStatus.PENDING, sa_type=text_enum(DeliveryStatus))
    attempts: int = 0
    due_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    external_id: str | None = None
    error: str = ""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Cursor(SQLModel, table=True):
    """How far a reader of the feed has come."""

    name: str = Field(primary_key=True)
    seq: int = 0


class Escalation(SQLModel, table=True):
    """Whom to tell next, and when, unless somebody takes the matter on before.

    `steps` is what is left of the chain: `{after_minutes, to, by}`; `notice` is what is told.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    subject: str = Field(index=True)
    due_at: datetime = Field(index=True, sa_type=UtcDateTime)
    level: int = 1
    steps: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    notice: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
