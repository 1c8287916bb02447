"""Copies of tickets in another system, and which of its comments are whose."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel, UniqueConstraint

from naryad.clock import new_id, now
from naryad.db.types import UtcDateTime


class ExternalTicket(SQLModel, table=True):
    """One ticket's copy in one tracker.

    Attributes:
        external_id: What the tracker knows it by; None until it is known to be there.
        url: Where people see it.
        status: Ours when both sides were in step last, in the words of `State`; empty for never. Whoever differs from
            it changed. So with `priority`, and with `their_status` and `their_priority`, since a tracker may not have
            all our words.
        seen_at: The `changed_at` of our ticket that was last told.
        due_at: When it is looked at next; None when nothing is due.
        attempts: Failures in a row.
        error: Why it failed last.
        dead: Whether it was given up, until the ticket changes again.
        owner: Who works on it now, until `lease_until`.
    """

    __tablename__ = "external_ticket"
    __table_args__ = (
        UniqueConstraint("ticket_id", "tracker"),
        UniqueConstraint("tracker", "external_id"),
        Index("ix_external_ticket_due", "tracker", "due_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    ticket_id: str = Field(foreign_key="ticket.id")
    tracker: str
    external_id: str | None = None
    url: str = ""
    status: str = ""
    priority: str = ""
    their_status: str = ""
    their_priority: str = ""
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default_factory=now, sa_type=UtcDateTime)
    attempts: int = 0
    error: str = ""
    dead: bool = False
    owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ExternalComment(SQLModel, table=True):
    """One line of a journal that is on both sides."""

    __tablename__ = "external_comment"
    __table_args__ = (UniqueConstraint("copy_id", "external_id"),)

    copy_id: str = Field(foreign_key="external_ticket.id", primary_key=True)
    entry_id: str = Field(foreign_key="ticket_entry.id", primary_key=True)
    external_id: str
