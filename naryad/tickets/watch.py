"""What time brings to tickets: a warning, a broken promise, the closing of what was resolved days ago."""

import asyncio
from datetime import datetime

from sqlmodel import Session, col, select

from naryad.alerts.telling import Telling
from naryad.clock import now
from naryad.db.models.ticket import Ticket
from naryad.tickets.tickets import Tickets

LOOK_S = 5.0
AT_ONCE = 100


async def run(tickets: Tickets) -> None:
    """Look at what is due, every few seconds; never ends. Several processes may: a row is one's at a time."""
    while True:
        while await sweep(tickets, now()) == AT_ONCE:
            pass
        await asyncio.sleep(LOOK_S)


async def sweep(tickets: Tickets, moment: datetime) -> int:
    """Do what time has brought by a moment; returns how many tickets were looked at."""
    due = select(Ticket.id).where(col(Ticket.look_at) < moment).order_by(col(Ticket.id)).limit(AT_ONCE)
    if not await tickets.database.look(lambda session: session.exec(due.limit(1)).first()):
        return 0

    def swept(session: Session) -> tuple[int, Telling]:
        desk = tickets.desk(session, moment)
        ids = session.exec(due.with_for_update(skip_locked=True)).all()
        for ticket_id in ids:
            desk.look(ticket_id)
        desk.telling.write(session)
        return len(ids), desk.telling

    count, telling = await tickets.database.transact(swept)
    telling.wake()
    return count
