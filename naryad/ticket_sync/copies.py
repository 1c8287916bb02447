"""Which copies are due, and whose turn it is: any number of processes may work on them, one on each."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial

from sqlmodel import Session, col, exists, select, update

from naryad.clock import new_id, now
from naryad.db.models.external_ticket import ExternalTicket
from naryad.db.models.ticket import Ticket, TicketStatus
from naryad.db.session import Database
from naryad.tickets import removal

AT_ONCE = 10
LEASE = timedelta(minutes=5)
"""Longer than anybody works on one copy."""
ATTEMPTS = 10
FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=1)
"""Pauses after failures, each twice as long. The first lets a search index find what was made a moment ago."""


class Copies:
    """The copies in one tracker.

    Args:
        database: Where they are kept.
        tracker: The tracker's name.
    """

    def __init__(self, database: Database, tracker: str) -> None:
        self._database, self._tracker, self._owner = database, tracker, new_id()

    async def claim(self, done: Collection[str]) -> ExternalTicket | None:
        """Take one that is due and that nobody works on, also of a new ticket, but none that is done with.

        One at a time: a lease must not run out while those before it in a row are worked on.
        """
        return await self._database.transact(partial(self._claimed, done))

    async def release(self, copy: ExternalTicket, **changes: object) -> None:
        """Write down what came of one, and let it go; nothing where somebody else took it meanwhile."""
        held = update(ExternalTicket).where(col(ExternalTicket.id) == copy.id, col(ExternalTicket.owner) == self._owner)
        statement = held.values(**changes, owner=None, lease_until=None)
        await self._database.transact(lambda session: session.connection().execute(statement))

    async def keep(self, copy: ExternalTicket, **changes: object) -> None:
        """Write down at once what must outlive a crash."""
        statement = update(ExternalTicket).where(col(ExternalTicket.id) == copy.id).values(**changes)
        await self._database.transact(lambda session: session.connection().execute(statement))
        copy.sqlmodel_update(changes)

    async def changed(self, external_ids: Sequence[str]) -> None:
        """Have a look at those that the tracker says were changed; what rests after failures rests on."""
        idle = (col(ExternalTicket.due_at).is_(None), ~col(ExternalTicket.dead))
        theirs = (col(ExternalTicket.tracker) == self._tracker, col(ExternalTicket.external_id).in_(external_ids))
        statement = update(ExternalTicket).where(*theirs, *idle).values(due_at=now())
        if external_ids:
            await self._database.transact(lambda session: session.connection().execute(statement))

    def _claimed(self, done: Collection[str], session: Session) -> ExternalTicket | None:
        self._database.hold(session, f"tracker:{self._tracker}")
        self._begin(session)
        moment = now()
        differs = col(ExternalTicket.seen_at).is_distinct_from(col(Ticket.changed_at))
        due = (
            select(ExternalTicket)
            .join(Ticket, col(Ticket.id) == col(ExternalTicket.ticket_id))
            .where(
                ExternalTicket.tracker == self._tracker,
                (col(ExternalTicket.due_at) <= moment) | (col(ExternalTicket.due_at).is_(None) & differs),
                col(ExternalTicket.lease_until).is_(None) | (col(ExternalTicket.lease_until) < moment),
                Ticket.requester != removal.REQUESTER,
                col(ExternalTicket.id).not_in(done),
            )
            .order_by(col(ExternalTicket.due_at), col(ExternalTicket.id))
            .limit(1)
        )
        copy = session.exec(due).first()
        if copy:
            copy.owner, copy.lease_until = self._owner, moment + LEASE
            session.add(copy)
        return copy

    def _begin(self, session: Session) -> None:
        """A copy for each ticket that has none; what was over before is left alone."""
        known = exists().where(
            col(ExternalTicket.ticket_id) == col(Ticket.id), col(ExternalTicket.tracker) == self._tracker
        )
        worked_on = col(Ticket.status).in_([TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.WAITING])
        new = (
            select(Ticket.id)
            .where(~known, worked_on, Ticket.requester != removal.REQUESTER)
            .order_by(col(Ticket.number))
        )
        for ticket_id in session.exec(new.limit(AT_ONCE)).all():
            session.add(ExternalTicket(ticket_id=ticket_id, tracker=self._tracker))
        session.flush()


def pause(attempts: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(FIRST * (1 << min(attempts - 1, 10)), LONGEST)
