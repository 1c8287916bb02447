"""Tickets as the API speaks of them."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from naryad.db.models.ticket import Author, Priority, Ticket, TicketEntry, TicketFile, TicketStatus
from naryad.tickets.clocks import Clock, state_of
from naryad.tickets.desk import SUBJECT_CHARS
from naryad.tickets.statistics import Figures
from server.chat.schemas import Id

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16_000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=SUBJECT_CHARS)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000)]
Fact = Annotated[str, StringConstraints(max_length=500)] | bool | int | float | None


class Request(BaseModel):
    """What is sent to us: nothing but what is asked for."""

    model_config = ConfigDict(extra="forbid")


class NewTicket(Request):
    """What somebody asks for; whoever helps people may write it down for another account, by its id."""

    text: Words
    subject: Line = ""
    priority: Priority = Priority.MEDIUM
    contact: Line = ""
    requester: Id | None = None


class TicketChange(Request):
    """What is to be different; an assignee is an account's id, or an empty text for nobody."""

    priority: Priority | None = None
    assignee: Annotated[str, Field(max_length=100)] | None = None


class TicketComment(Request):
    """Words for the journal; what is not public is seen by those who help people."""

    text: Words
    public: bool = True


class TicketReason(Request):
    """Why."""

    reason: Reason = ""


class Merge(Request):
    """The ticket that takes this one over, by its id or number."""

    into: Id


class Rating(Request):
    """How the help was liked, 5 for very much."""

    rating: Annotated[int, Field(ge=1, le=5)]
    comment: Reason = ""


class RatingByLink(Rating):
    """The same, by the secret of the link in the letter that asked."""

    token: Annotated[str, Field(min_length=1, max_length=100)]


class SupportMessage(Request):
    """What a person says to the support agent.

    Attributes:
        user_id: Your own account's id, where a client must name it: nobody speaks for another.
        context: What the client knows of the situation; its `thread` goes on with a conversation.
    """

    message: Annotated[Words, Field(max_length=14_000)]
    user_id: Id | None = None
    context: Annotated[dict[Annotated[str, Field(max_length=50)], Fact], Field(max_length=20)] = {}


class ClockShown(BaseModel):
    """One clock: until when somebody must have acted, and how it stands; `due` is null while it stands still."""

    state: Clock
    due: datetime | None
    done_at: datetime | None
    done_by: str


class TicketLine(BaseModel):
    """A ticket in a list."""

    id: str
    number: int
    subject: str
    status: TicketStatus
    priority: Priority
    requester: str
    channel: str
    assignee: str
    thread_id: str
    created_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    reopened: int
    rating: int | None
    response: ClockShown
    resolution: ClockShown

    @classmethod
    def of(cls, ticket: Ticket, moment: datetime, **more: Any) -> Self:
        """A ticket as it stands at a moment."""
        clocks = {
            "response": {"due": ticket.respond_by, "done_at": ticket.responded_at, "done_by": ticket.responded_by},
            "resolution": {"due": ticket.resolve_by, "done_at": ticket.resolved_at, "done_by": ticket.resolved_by},
        }
        shown = {name: clock | {"state": state_of(ticket, name, moment)} for name, clock in clocks.items()}
        return cls.model_validate({**ticket.model_dump(), **more, **shown})


class TicketPage(BaseModel):
    """A page of a list; `next` is the cursor of the page behind it."""

    tickets: list[TicketLine]
    next: int | None


class EntryShown(BaseModel):
    """A line of a ticket's journal."""

    id: str
    event: str
    author: Author
    by: str
    public: bool
    text: str
    data: dict[str, Any]
    at: datetime

    @classmethod
    def of(cls, entry: TicketEntry) -> Self:
        """One line."""
        return cls(**entry.model_dump(include=set(cls.model_fields)))


class EntryPage(BaseModel):
    """A part of a journal, in order; `next` goes into `after` for what follows."""

    entries: list[EntryShown]
    next: str | None


class FileShown(BaseModel):
    """A file that came with a ticket."""

    id: str
    name: str
    type: str
    size: int
    by: str
    public: bool
    at: datetime

    @classmethod
    def of(cls, file: TicketFile) -> Self:
        """One file."""
        return cls(**file.model_dump(include=set(cls.model_fields)))


class TicketShown(TicketLine):
    """All that is known of a ticket; of its journal the first lines."""

    text: str
    contact: str
    follows: str | None
    merged_into: str | None
    asked_at: datetime | None
    rating_comment: str
    entries: list[EntryShown]
    more_entries: str | None
    files: list[FileShown]


class Rated(BaseModel):
    """Thanks."""

    number: int
    rating: int


class TicketStatistics(BaseModel):
    """Figures of the tickets that were made in a period; times in seconds, null where nothing can be said."""

    since: datetime
    until: datetime
    total: Figures
    by_priority: dict[str, Figures]
    by_channel: dict[str, Figures]
    by_resolver: dict[str, Figures]
    by_responder: dict[str, Figures]
