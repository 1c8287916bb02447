"""Public comments go both ways, each once: ours carry a mark there, theirs are remembered by their ids here."""

import re
from collections.abc import Sequence
from functools import partial

from sqlmodel import Session, col, exists, select

from naryad.db.models.external_ticket import ExternalComment, ExternalTicket
from naryad.db.models.ticket import Author, TicketEntry
from naryad.i18n import _
from naryad.ticket_sync.tracker import Said, Tracker
from naryad.tickets.desk import Desk
from naryad.tickets.tickets import Tickets

_MARK = re.compile(r"\(naryad ([0-9a-f-]{36})\)\s*\Z")
NAME_CHARS = 100
_SPOKEN = ("comment", "took_over")


class Words:
    """Carries the comments of one tracker's copies.

    Args:
        tickets: Ours.
        tracker: Theirs.
    """

    def __init__(self, tickets: Tickets, tracker: Tracker) -> None:
        self._tickets, self._tracker = tickets, tracker

    async def exchange(self, copy: ExternalTicket) -> None:
        """Take in what is new there, then say there what is new here; both may be done again after a crash."""
        assert copy.external_id is not None
        for said in await self._tracker.said(copy.external_id):
            await self._tickets.do(partial(_take, copy, said))
        for entry in await self._tickets.database.look(lambda session: _unsaid(session, copy)):
            await self._tracker.say(copy.external_id, shown(entry), f"(naryad {entry.id})")
            # Its id there is learnt when it is read the next time: so an answer that got lost makes no second comment.
            # Where the tracker does not let us read it, one that came makes none either.
            said_there = ExternalComment(copy_id=copy.id, entry_id=entry.id, external_id=_unread(entry))
            await self._tickets.database.transact(partial(_keep, said_there))


def shown(entry: TicketEntry) -> str:
    """A line of our journal as it is said there."""
    who = {Author.REQUESTER: _("Requester"), Author.STAFF: _("Support"), Author.AGENT: _("Assistant")}
    return f"{who.get(entry.author, 'Naryad')}: {entry.text}"


def one_line(name: str) -> str:
    """A name as part of a principal."""
    return " ".join(name.split())[:NAME_CHARS]


def _take(copy: ExternalTicket, said: Said, desk: Desk) -> None:
    """Write one of their comments down, unless it is known, or ours."""
    known = select(ExternalComment).where(ExternalComment.copy_id == copy.id, ExternalComment.external_id == said.id)
    if not said.text.strip() or desk.session.exec(known).first():
        return
    entry = _ours(desk.session, copy, said)
    if entry is None:
        key = f"{copy.tracker}:{copy.id}:{said.id}"
        by = f"{copy.tracker}:{one_line(said.author)}"
        entry = desk.comment(desk.survivor(copy.ticket_id), by, said.text, author=Author.STAFF, key=key)
        desk.session.flush()  # the line is there before what points at it
    _keep(ExternalComment(copy_id=copy.id, entry_id=entry.id, external_id=said.id), desk.session)


def _unread(entry: TicketEntry) -> str:
    """Stands for the id of what was said there and not read yet."""
    return f"said:{entry.id}"


def _keep(comment: ExternalComment, session: Session) -> None:
    session.merge(comment)


def _ours(session: Session, copy: ExternalTicket, said: Said) -> TicketEntry | None:
    """What was said by us: the first comment with the mark of a line. A later one only quotes it."""
    mark = _MARK.search(said.text)
    entry = session.get(TicketEntry, mark[1]) if mark else None
    if entry is None:
        return None
    before = session.get(ExternalComment, (copy.id, entry.id))
    return entry if before is None or before.external_id == _unread(entry) else None


def _unsaid(session: Session, copy: ExternalTicket) -> Sequence[TicketEntry]:
    """What the requester may read and the tracker does not have; what came from it is not told back."""
    known = exists().where(
        col(ExternalComment.copy_id) == copy.id, col(ExternalComment.entry_id) == col(TicketEntry.id)
    )
    theirs = col(TicketEntry.by).startswith(f"{copy.tracker}:")
    query = select(TicketEntry).where(
        TicketEntry.ticket_id == copy.ticket_id,
        col(TicketEntry.event).in_(_SPOKEN),
        col(TicketEntry.public),
        col(TicketEntry.author) != Author.SYSTEM,
        TicketEntry.text != "",
        ~theirs,
        ~known,
    )
    return session.exec(query.order_by(col(TicketEntry.id))).all()
