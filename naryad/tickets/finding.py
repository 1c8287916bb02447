"""Looking at tickets; nothing here changes one."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from naryad.db.models.ticket import Priority, Ticket, TicketEntry, TicketStatus
from naryad.db.session import Database
from naryad.errors import NotFound
from naryad.i18n import _

UNDER_WORK = (TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.WAITING)
LARGEST = 2**31 - 1
"""The largest number that PostgreSQL keeps."""


def missing(ticket_id: str) -> NotFound:
    """What is said of a ticket that is not there, or not for whoever asks."""
    return NotFound(_("There is no ticket {id!r}.").format(id=ticket_id))


def _number(text: str) -> int | None:
    """The number that a text such as `#12` or `12` names."""
    digits = text.removeprefix("#")
    named = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 10 else None
    return named if named is not None and named <= LARGEST else None


class Finding:
    """Finds tickets and reads their journals.

    Attributes:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def of_id(self, ticket_id: str) -> Ticket:
        """One ticket by its whole id; raises `NotFound` where there is none."""
        ticket = await self.database.look(lambda session: session.get(Ticket, ticket_id))
        if ticket is None:
            raise missing(ticket_id)
        return ticket

    async def get(self, named: str) -> Ticket:
        """One ticket by what people call it, `#12` or `12`, or by its id; raises `NotFound` where there is none."""
        number = _number(named)
        if number is None:
            return await self.of_id(named)
        query = select(Ticket).where(Ticket.number == number)
        ticket = await self.database.look(lambda session: session.exec(query).first())
        if ticket is None:
            raise missing(named)
        return ticket

    async def with_key(self, key: str) -> Ticket | None:
        """The ticket that was made with a key."""
        query = select(Ticket).where(Ticket.key == key)
        return await self.database.look(lambda session: session.exec(query).first())

    async def entry_with_key(self, key: str) -> TicketEntry | None:
        """The line of a journal that was written with a key."""
        query = select(TicketEntry).where(TicketEntry.key == key)
        return await self.database.look(lambda session: session.exec(query).first())

    async def of_thread(self, thread_id: str) -> Ticket | None:
        """The ticket of a thread that is being worked on, also where it went into another one."""
        return await self.database.look(lambda session: self.open_in(session, thread_id))

    def open_in(self, session: Session, thread_id: str) -> Ticket | None:
        """The same inside the caller's transaction."""
        query = select(Ticket).where(Ticket.thread_id == thread_id).order_by(col(Ticket.number).desc()).limit(1)
        ticket = session.exec(query).first()
        if ticket and ticket.merged_into:
            ticket = session.get(Ticket, ticket.merged_into)
        return ticket if ticket and ticket.status in UNDER_WORK else None

    async def listed(
        self,
        *,
        requester: str = "",
        status: Collection[TicketStatus] = (),
        priority: Priority | None = None,
        assignee: str | None = None,
        channel: str = "",
        text: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        before: int = 0,
        limit: int = 50,
    ) -> Sequence[Ticket]:
        """Tickets, the newest first.

        Args:
            requester: Whose; then a text is looked for only in what they may read.
            status: In any of these; in any but merged where none is named.
            priority: Of this one.
            assignee: In whose hands; an empty text for nobody's.
            channel: How they came.
            text: What stands in the subject, the text or the journal; or `#12`.
            since: Made then or later.
            until: Made before.
            before: The last number of the page before.
            limit: How many.
        """
        query = select(Ticket).order_by(col(Ticket.number).desc()).limit(limit)
        query = query.where(col(Ticket.status).in_(status or set(TicketStatus) - {TicketStatus.MERGED}))
        for column, value in ((Ticket.requester, requester), (Ticket.priority, priority), (Ticket.channel, channel)):
            query = query.where(column == value) if value else query
        query = query.where(Ticket.assignee == assignee) if assignee is not None else query
        query = query.where(col(Ticket.created_at) >= since) if since else query
        query = query.where(col(Ticket.created_at) < until) if until else query
        query = query.where(col(Ticket.number) < before) if before else query
        if text:
            # SQLite knows large and small letters of English only.
            spellings = sorted({text, text.lower(), text.upper(), text.capitalize()})
            said = select(TicketEntry.ticket_id).where(
                or_(*(col(TicketEntry.text).icontains(each, autoescape=True) for each in spellings))
            )
            said = said.where(col(TicketEntry.public)) if requester else said
            columns = (col(Ticket.subject), col(Ticket.text))
            hits = [column.icontains(each, autoescape=True) for column in columns for each in spellings]
            if number := _number(text):
                hits.append(col(Ticket.number) == number)
            query = query.where(or_(*hits, col(Ticket.id).in_(said)))
        return await self.database.look(lambda session: session.exec(query).all())

    async def journal(
        self, ticket_id: str, *, internal: bool = False, after: str = "", limit: int = 200
    ) -> Sequence[TicketEntry]:
        """What was said and done, in order, after the entry of an id; what is internal only where asked for."""
        query = select(TicketEntry).where(TicketEntry.ticket_id == ticket_id, col(TicketEntry.id) > after)
        query = query if internal else query.where(col(TicketEntry.public))
        query = query.order_by(col(TicketEntry.id)).limit(limit)
        return await self.database.look(lambda session: session.exec(query).all())
