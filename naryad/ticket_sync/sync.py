"""Tickets kept in step with one tracker: each is copied once, words and fields go both ways."""

import asyncio
import math
import time

import structlog
from sqlmodel import Session

from naryad import masking
from naryad.clock import now
from naryad.db.models.delivery import Cursor
from naryad.db.models.external_ticket import ExternalTicket
from naryad.db.models.ticket import Author, Ticket
from naryad.errors import NaryadError, ToolFailed
from naryad.i18n import _
from naryad.ticket_sync.copies import AT_ONCE, ATTEMPTS, Copies, pause
from naryad.ticket_sync.fields import Fields
from naryad.ticket_sync.tracker import Again, Remote, Tracker, Unavailable
from naryad.ticket_sync.words import Words
from naryad.tickets.tickets import Tickets

log = structlog.get_logger()
LOOK_S, ASK_S = 5.0, 30.0
"""How often ours are looked at, and how often the tracker is asked what changed there."""
ROUND_S = 120.0
"""How long one ticket may take; its lease is longer."""
REST_S = 60.0
"""How long a tracker rests that cannot be reached and did not say for how long."""
OVERLAP_MIN = 3
"""Minutes that are asked about twice: search indexes are late, and clocks differ."""
LONGEST_MIN = 7 * 24 * 60


class TicketSync:
    """Keeps tickets in step with one tracker; any number of processes may.

    Args:
        tickets: Ours.
        tracker: Theirs.
    """

    def __init__(self, tickets: Tickets, tracker: Tracker) -> None:
        self._tickets, self._tracker = tickets, tracker
        self._copies = Copies(tickets.database, tracker.name)
        self._words = Words(tickets, tracker)
        self._fields = Fields(tickets, tracker, self._copies)

    async def run(self) -> None:
        """Look and ask again and again; never ends."""
        asked = -math.inf
        try:
            while True:
                try:
                    if time.monotonic() - asked >= ASK_S:
                        await self.ask()
                        asked = time.monotonic()
                    await self.look()
                except Unavailable as trouble:
                    log.warning("tracker.unavailable", tracker=self._tracker.name, why=masking.secrets(trouble.message))
                    await asyncio.sleep(REST_S if trouble.seconds is None else trouble.seconds)
                except ToolFailed as trouble:  # the question what changed failed: the next one asks for it too
                    log.warning("tracker.failed", tracker=self._tracker.name, why=masking.secrets(trouble.message))
                await asyncio.sleep(LOOK_S)
        finally:
            await self._tracker.close()

    async def ask(self) -> None:
        """Ask what was changed there since the last time, also by another process, and have a look at it."""
        name, moment = f"tracker:{self._tracker.name}", int(now().timestamp())
        cursor = await self._tickets.database.look(lambda session: session.get(Cursor, name))
        passed = math.ceil((moment - cursor.seq) / 60) if cursor else 0
        await self._copies.changed(await self._tracker.changed(min(passed + OVERLAP_MIN, LONGEST_MIN)))

        def kept(session: Session) -> None:
            self._tickets.database.hold(session, name)  # two processes may make the first one
            session.merge(Cursor(name=name, seq=moment))

        await self._tickets.database.transact(kept)

    async def look(self) -> int:
        """Bring into step what is due, one after another; returns how many were.

        Raises:
            Unavailable: The tracker takes nothing now; everything waits.
        """
        done: list[str] = []
        while len(done) < AT_ONCE and (copy := await self._copies.claim(done)):
            try:
                await self._settle(copy)
            except BaseException:
                await self._copies.release(copy)
                raise
            done.append(copy.id)
        return len(done)

    async def _settle(self, copy: ExternalTicket) -> None:
        ticket = await self._tickets.of_id(copy.ticket_id)
        try:
            async with asyncio.timeout(ROUND_S):
                await self._in_step(copy, ticket)
        except Unavailable:
            raise
        except Exception as trouble:  # also an answer in another shape: one ticket must not stop the others
            refused = isinstance(trouble, ToolFailed) and not isinstance(trouble, Again)
            why = trouble.message if isinstance(trouble, NaryadError) else type(trouble).__name__
            await self._failed(copy, ticket, why, final=refused or copy.attempts + 1 >= ATTEMPTS)
        else:
            # What changed meanwhile, also by us, differs from this and is looked at in the next round.
            await self._copies.release(copy, seen_at=ticket.changed_at, due_at=None, attempts=0, error="", dead=False)

    async def _in_step(self, copy: ExternalTicket, ticket: Ticket) -> None:
        theirs = await self._there(copy, ticket)
        await self._words.exchange(copy)
        await self._fields.settle(copy, ticket, theirs)

    async def _there(self, copy: ExternalTicket, ticket: Ticket) -> Remote:
        """The copy, made at the first time; after a crash it is found by its key instead."""
        if copy.external_id:
            return await self._tracker.get(copy.external_id)
        key = f"naryad-{ticket.id}"
        theirs = await self._tracker.find(key)
        if theirs is None:
            text = f"{ticket.text}\n\n{_('Ticket #{number} of Naryad').format(number=ticket.number)}"
            theirs = await self._tracker.create(key, ticket.subject, text, ticket.priority)
        await self._copies.keep(copy, external_id=theirs.id, url=theirs.url)
        return theirs

    async def _failed(self, copy: ExternalTicket, ticket: Ticket, why: str, *, final: bool) -> None:
        why, attempts = masking.secrets(why), copy.attempts + 1
        log.warning("tracker.ticket.failed", tracker=copy.tracker, ticket=ticket.number, final=final, why=why)
        if not final:
            await self._copies.release(copy, attempts=attempts, error=why, due_at=now() + pause(attempts))
            return
        text = _("The copy in {tracker} was given up until this ticket changes again: {why}")
        by, told = f"system:{copy.tracker}", text.format(tracker=copy.tracker, why=why)
        await self._tickets.comment(ticket.id, by, told, author=Author.SYSTEM, public=False)
        changed_at = (await self._tickets.of_id(ticket.id)).changed_at
        await self._copies.release(copy, attempts=0, error=why, dead=True, due_at=None, seen_at=changed_at)
