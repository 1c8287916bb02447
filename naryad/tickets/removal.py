"""Forgetting a person's tickets: the rows stay and count, every word in them goes."""

from sqlmodel import Session, col, select, update

from naryad.clock import now
from naryad.db.models.ticket import Ticket, TicketEntry, TicketFile, TicketStatus
from naryad.notify import removal as told
from naryad.tickets.asking import MAIL
from naryad.tickets.attachments import Attachments

REQUESTER, HELPER = "erased:requester", "erased:helper"
"""Who people were that are no more."""


async def erase(attachments: Attachments, principal: str, email: str = "") -> int:
    """Take out of tickets what a person told us, also by letter; returns how many tickets of theirs there were.

    Number, times, priority and rating stay, for the figures of the company. What they wrote to others, helping them,
    stays without their name.
    """
    theirs = {principal, f"{MAIL}{email}"} if email else {principal}

    def erased(session: Session) -> tuple[int, set[str]]:
        query = select(Ticket).where(col(Ticket.requester).in_(theirs)).order_by(col(Ticket.id))
        found = session.exec(query.with_for_update()).all()
        ids = [ticket.id for ticket in found]
        for ticket in found:
            ticket.sqlmodel_update(
                {"subject": "", "text": "", "contact": "", "rating_comment": "", "rating_digest": None, "key": None}
            )
            ticket.requester, ticket.thread_id, ticket.look_at = REQUESTER, "", None
            if ticket.status not in (TicketStatus.CLOSED, TicketStatus.MERGED):
                ticket.status, ticket.closed_at = TicketStatus.CLOSED, now()
            session.add(ticket)
        told.erase(attachments.tickets.database, [f"ticket:{number}" for number in ids], session)
        # Whoever answered quotes what they were told: no text of such a ticket stays.
        of_theirs = col(TicketEntry.ticket_id).in_(ids)
        session.exec(update(TicketEntry).where(of_theirs).values(text="", key=None))
        session.exec(update(TicketEntry).where(of_theirs, col(TicketEntry.by).in_(theirs)).values(by=REQUESTER))
        session.exec(update(TicketEntry).where(col(TicketEntry.by) == principal).values(by=HELPER, key=None))
        given = col(TicketEntry.data)["assignee"].as_string() == principal
        session.exec(update(TicketEntry).where(given).values(data={"assignee": HELPER}))
        session.exec(update(TicketFile).where(col(TicketFile.by) == principal).values(by=HELPER))
        session.exec(update(Ticket).where(col(Ticket.assignee) == principal).values(assignee=""))
        for column in (Ticket.responded_by, Ticket.resolved_by):
            session.exec(update(Ticket).where(col(column) == principal).values({column: HELPER}))
        return len(ids), attachments.forget(session, ids)

    count, digests = await attachments.tickets.database.transact(erased)
    await attachments.sweep(digests)
    return count
