"""Status and priority go both ways: whoever changed since both were in step holds, of two the later one."""

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any, NamedTuple

from sqlmodel import Session

from naryad.db.models.external_ticket import ExternalTicket
from naryad.db.models.ticket import Author, Priority, Ticket, TicketStatus
from naryad.errors import Refused
from naryad.i18n import _
from naryad.ticket_sync.copies import Copies
from naryad.ticket_sync.tracker import OURS, OVER, Remote, State, Tracker
from naryad.tickets.desk import Desk
from naryad.tickets.tickets import Tickets


class Way(StrEnum):
    """Where a change goes."""

    NONE = "none"
    THERE = "there"
    HERE = "here"


class Sides(NamedTuple):
    """A field on both sides: as it is, and as it was when both were in step."""

    ours: str
    theirs: str
    our_base: str
    their_base: str

    @property
    def moved(self) -> tuple[bool, bool]:
        """Whether ours and theirs changed since."""
        return self.ours != self.our_base, self.theirs != self.their_base

    def conflict(self) -> bool:
        """Whether both did, to different ends."""
        return self.moved == (True, True) and bool(self.our_base) and self.ours != self.theirs

    def way(self, ours_is_later: bool) -> Way:
        """Where to carry the change; at the first time ours is."""
        here, there = self.moved
        if self.ours == self.theirs or not (here or there):
            return Way.NONE
        if not self.our_base or (here and (not there or ours_is_later)):
            return Way.THERE
        return Way.HERE


class Fields:
    """Settles the fields of one tracker's copies.

    Args:
        tickets: Ours.
        tracker: Theirs.
        copies: Where they are kept.
    """

    def __init__(self, tickets: Tickets, tracker: Tracker, copies: Copies) -> None:
        self._tickets, self._tracker, self._copies = tickets, tracker, copies

    async def settle(self, copy: ExternalTicket, before: Ticket, theirs: Remote) -> None:
        """Carry what changed, and remember how both stand then.

        Args:
            copy: Where it is kept how both were in step.
            before: Ours as it was read before theirs: words that came in since are no change of ours.
            theirs: Theirs.
        """
        later = before.changed_at >= theirs.changed_at
        ticket = await self._tickets.of_id(before.id)
        state = Sides(OURS[ticket.status], theirs.state, copy.status, copy.their_status)
        rank = Sides(ticket.priority, theirs.priority, copy.priority, copy.their_priority)
        for name, field in ((_("Status"), state), (_("Priority"), rank)):
            if field.conflict():
                await self._note(copy, name, field, later)
        ways = state.way(later), rank.way(later)
        if ways[1] is Way.THERE:
            await self._tracker.rank(theirs.id, ticket.priority)
        if ways[0] is Way.THERE and not await self._tracker.move(theirs.id, OURS[ticket.status]):
            await self._no_way(copy, ticket, theirs)
        if ways[1] is Way.HERE:
            ticket = await self._change(ticket, lambda desk, held: _ranked(desk, held, self._by, theirs.priority))
        if ways[0] is Way.HERE:
            ticket = await self._change(ticket, lambda desk, held: _moved(desk, held, self._by, theirs.state))
        if Way.THERE in ways:
            theirs = await self._tracker.get(theirs.id)
        await self._copies.keep(
            copy,
            status=OURS[ticket.status].value,
            their_status=theirs.state.value,
            priority=ticket.priority.value,
            their_priority=theirs.priority.value,
        )

    @property
    def _by(self) -> str:
        return f"system:{self._tracker.name}"

    async def _change(self, ticket: Ticket, work: Callable[[Desk, Ticket], Any]) -> Ticket:
        """Change ours, as far as its state allows; returns it as it is then."""

        def changed(session: Session) -> Desk:
            desk = self._tickets.desk(session)
            work(desk, desk.held(ticket.id))
            desk.telling.write(session)
            return desk

        with suppress(Refused):  # ours is over, or merged, and stays so: the difference is remembered, not fought over
            desk = await self._tickets.database.transact(changed)
            desk.telling.wake()
        return await self._tickets.of_id(ticket.id)

    async def _note(self, copy: ExternalTicket, name: str, field: Sides, later: bool) -> None:
        text = _(
            "{field} was changed on both sides, here to {ours}, in {tracker} to {theirs}; the later holds: {held}."
        )
        held = field.ours if later else field.theirs
        told = text.format(field=name, ours=field.ours, theirs=field.theirs, tracker=copy.tracker, held=held)
        key = f"{copy.tracker}:{copy.id}:conflict:{field.our_base}:{field.ours}:{field.theirs}:{copy.seen_at}"
        await self._say(copy, told, key)

    async def _no_way(self, copy: ExternalTicket, ticket: Ticket, theirs: Remote) -> None:
        ours = OURS[ticket.status]
        if ours in OVER and theirs.state in OVER:
            return
        text = _("{tracker} has no way from {theirs} to {ours}: the status there stays.")
        told = text.format(tracker=copy.tracker, theirs=theirs.state, ours=ours)
        await self._say(copy, told, f"{copy.tracker}:{copy.id}:no-way:{theirs.state}:{ours}")

    async def _say(self, copy: ExternalTicket, text: str, key: str) -> None:
        await self._tickets.comment(copy.ticket_id, self._by, text, author=Author.SYSTEM, public=False, key=key)


def _ranked(desk: Desk, ticket: Ticket, by: str, priority: Priority) -> None:
    desk.change(ticket, by, priority=priority)


def _moved(desk: Desk, ticket: Ticket, by: str, state: State) -> None:
    if state not in OVER and OURS[ticket.status] in OVER:
        ticket = desk.reopen(ticket, by)
    match state:
        case State.WAITING:
            desk.wait(ticket, by)
        case State.RESOLVED:
            desk.resolve(ticket, by)
        case State.CLOSED:
            desk.close(ticket, by)
        case State.OPEN if ticket.status is TicketStatus.WAITING:
            ticket.status = TicketStatus.OPEN
            desk.comment(ticket, by, _("It is being worked on again."), author=Author.SYSTEM, public=False)
