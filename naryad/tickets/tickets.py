"""Tickets: one numbered request each, worked on to its end by whoever is to."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session, select

from naryad.alerts.telling import Telling
from naryad.clock import now
from naryad.db.models.ticket import Author, Priority, Ticket, TicketEntry
from naryad.db.session import Database
from naryad.errors import NotFound
from naryad.events import EventLog
from naryad.i18n import _
from naryad.tickets.asking import Asking, digest
from naryad.tickets.desk import Desk
from naryad.tickets.finding import Finding, missing
from naryad.tickets.promise import Promise

T = TypeVar("T")


class Tickets(Finding):
    """Makes, finds and changes tickets; any number of processes may.

    Args:
        database: Where they are.
        events: Where what happens to them is told.
        promise: How soon somebody must respond and resolve.
        asking: Writes to requesters how they liked the help; None where nobody is asked by letter.
    """

    def __init__(
        self,
        database: Database,
        events: EventLog,
        promise: Promise | None = None,
        asking: Asking | None = None,
    ) -> None:
        super().__init__(database)
        self._events, self._promise, self._asking = events, promise or Promise(), asking

    async def create(
        self,
        *,
        subject: str,
        text: str,
        requester: str,
        by: str,
        channel: str = "chat",
        priority: Priority = Priority.MEDIUM,
        thread_id: str = "",
        contact: str = "",
        key: str = "",
    ) -> Ticket:
        """A new ticket with the next number.

        Args:
            subject: It in one line; empty for the first words of the text.
            text: What is wrong or wanted.
            requester: The principal whose request it is.
            by: The principal that writes it down.
            channel: How it came.
            priority: How much it presses.
            thread_id: The conversation that it comes from.
            contact: How to reach the requester besides.
            key: With one that came before nothing is made, and the first ticket is returned.
        """
        return await self.do(
            lambda desk: desk.create(
                subject=subject,
                text=text,
                requester=requester,
                by=by,
                channel=channel,
                priority=priority,
                thread_id=thread_id,
                contact=contact,
                key=key,
            )
        )

    async def comment(
        self, ticket_id: str, by: str, text: str, *, author: Author, public: bool = True, key: str = ""
    ) -> TicketEntry:
        """Write words into a ticket, once a key.

        The words of its requester bring it back, if it waits for them or is over; the first public ones of the staff
        are its first response, and are said in its conversation. What is said to a merged ticket goes to the one that
        took it over, and what is said long after the end to a new one: `ticket_id` of the entry tells.

        Raises:
            NotFound: There is no such ticket.
        """
        return await self.do(
            lambda desk: desk.comment(desk.survivor(ticket_id), by, text, author=author, public=public, key=key)
        )

    async def change(
        self, ticket_id: str, by: str, *, priority: Priority | None = None, assignee: str | None = None
    ) -> Ticket:
        """Give a ticket another priority, or into somebody's hands.

        Raises:
            NotFound: There is no such ticket.
            Refused: Nobody works on it: it is over, or was merged.
        """
        return await self.do(lambda desk: desk.change(desk.held(ticket_id), by, priority=priority, assignee=assignee))

    async def wait(self, ticket_id: str, by: str) -> Ticket:
        """Let a ticket wait for its requester: its clocks stand still; raises as `change` does."""
        return await self.do(lambda desk: desk.wait(desk.held(ticket_id), by))

    async def resolve(self, ticket_id: str, by: str, reason: str = "") -> Ticket:
        """Call a ticket resolved; raises as `change` does."""
        return await self.do(lambda desk: desk.resolve(desk.held(ticket_id), by, reason))

    async def close(self, ticket_id: str, by: str, reason: str = "") -> Ticket:
        """Close a ticket, and ask its requester, once, how they liked the help; raises as `change` does."""
        return await self.do(lambda desk: desk.close(desk.held(ticket_id), by, reason))

    async def reopen(self, ticket_id: str, by: str, reason: str = "") -> Ticket:
        """Work on a ticket again; a new one that follows it is returned where its end is long ago.

        Raises:
            NotFound: There is no such ticket.
            Refused: It is not over.
        """
        return await self.do(lambda desk: desk.reopen(desk.held(ticket_id), by, reason))

    async def merge(self, ticket_id: str, into: str, by: str) -> Ticket:
        """Let another ticket of the same requester take one over; returns the other.

        Raises:
            NotFound: There is no such ticket.
            Refused: They are one, of two requesters, or not being worked on.
        """

        def both(desk: Desk) -> Ticket:
            held = {
                each: desk.held(each) for each in sorted({ticket_id, into})
            }  # in one order, or two wait in a circle
            return desk.merge(held[ticket_id], held[into], by)

        return await self.do(both)

    async def rate(self, ticket_id: str, by: str, rating: int, comment: str = "") -> Ticket:
        """Take down, once, how the requester liked the help, from 1 to 5.

        Raises:
            NotFound: There is no such ticket, or it is somebody else's.
            Refused: It is not over, or was rated already.
        """

        def rated(desk: Desk) -> Ticket:
            ticket = desk.held(ticket_id)
            if ticket.requester != by:
                raise missing(ticket_id)
            return desk.rate(ticket, by, rating, comment)

        return await self.do(rated)

    async def rate_by_link(self, token: str, rating: int, comment: str = "") -> Ticket:
        """The same by the secret of the link in the letter that asked; raises `NotFound` where it is none."""

        def rated(desk: Desk) -> Ticket:
            found = desk.session.exec(select(Ticket.id).where(Ticket.rating_digest == digest(token))).first()
            if found is None:
                raise NotFound(_("This link is not good any more."))
            ticket = desk.held(found)
            return desk.rate(ticket, ticket.requester, rating, comment)

        return await self.do(rated)

    def desk(self, session: Session, moment: datetime | None = None) -> Desk:
        """What changes tickets inside the caller's transaction, who writes what it tells last of all; or use `do`."""
        telling = Telling(self.database, self._events)
        return Desk(session, self.database, telling, self._promise, self._asking, moment or now())

    async def do(self, work: Callable[[Desk], T]) -> T:
        """Work at a desk, in one transaction with everything else that its session is given."""

        def run(session: Session) -> tuple[T, Telling]:
            desk = self.desk(session)
            result = work(desk)
            desk.telling.write(session)
            return result, desk.telling

        result, telling = await self.database.transact(run)
        telling.wake()
        return result
