"""Tickets: what people ask for, what was said and done about it, and the files that came with it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum
from naryad.tickets.standing import Author, Priority, TicketStatus

__all__ = ["Author", "Priority", "Ticket", "TicketEntry", "TicketFile", "TicketStatus"]


class Ticket(SQLModel, table=True):
    """One request of one person.

    Attributes:
        number: What people call it by: `#12`.
        key: Whatever made it makes no second one with the same key.
        requester: The principal whose request it is.
        contact: How to reach the requester besides: an address, a phone number.
        channel: How it came: `chat`, `telegram`, `mail`, `phone`, `api`, `cli`.
        assignee: The principal who looks after it; empty for nobody.
        thread_id: The conversation that it came from; empty without one.
        follows: The id of the ticket that this one goes on from.
        merged_into: The id of the ticket that took this one over.
        spells: When its clocks ran: pairs of begin and end, the last end null while they run.
        respond_by: When the first response is due; None while the clocks stand still.
        responded_by: The principal who responded first.
        resolve_by: When it must be resolved; None while the clocks stand still.
        look_at: When time next changes something about it: a warning, a breach, its closing.
        asked_at: When its requester was asked how they liked the help.
        rating: From 1 to 5, once, after it was resolved.
        rating_digest: Of the secret in the link that lets whoever holds it rate.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    number: int = Field(unique=True)
    key: str | None = Field(default=None, unique=True)
    subject: str
    text: str
    status: TicketStatus = Field(default=TicketStatus.NEW, index=True, sa_type=text_enum(TicketStatus))
    priority: Priority = Field(default=Priority.MEDIUM, sa_type=text_enum(Priority))
    requester: str = Field(index=True)
    contact: str = ""
    channel: str = "chat"
    assignee: str = ""
    thread_id: str = Field(default="", index=True)
    follows: str | None = None
    merged_into: str | None = Field(default=None, index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    changed_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    spells: list[list[str | None]] = Field(default_factory=list, sa_type=Json)
    respond_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    responded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    responded_by: str = ""
    response_warned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    response_breached_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolve_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved_by: str = ""
    resolution_warned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolution_breached_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    look_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reopened: int = 0
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rating: int | None = None
    rating_comment: str = ""
    rated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rating_digest: str | None = Field(default=None, unique=True)


class TicketEntry(SQLModel, table=True):
    """One line of a ticket's journal: words or a change; rows are only ever added, and follow a merged ticket.

    Attributes:
        event: `comment`, or what was done: `created`, `assigned`, `closed` …
        by: The principal who did it.
        public: Whether the requester sees it.
        data: The facts of a change.
        key: Whatever wrote it writes no second one with the same key.
    """

    __tablename__ = "ticket_entry"
    __table_args__ = (Index("ix_ticket_entry_journal", "ticket_id", "id"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    ticket_id: str = Field(foreign_key="ticket.id")
    event: str
    author: Author = Field(sa_type=text_enum(Author))
    by: str
    public: bool = True
    text: str = ""
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    key: str | None = Field(default=None, unique=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class TicketFile(SQLModel, table=True):
    """A file that came with a ticket; its bytes lie under their digest, once for every ticket that has them.

    Attributes:
        type: The media type, as the content shows it.
        digest: SHA-256 of the content.
    """

    __tablename__ = "ticket_file"

    id: str = Field(default_factory=new_id, primary_key=True)
    ticket_id: str = Field(foreign_key="ticket.id", index=True)
    name: str
    type: str
    size: int
    digest: str = Field(index=True)
    by: str
    public: bool = True
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
