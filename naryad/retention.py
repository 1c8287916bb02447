"""What is forgotten with time: the pieces of messages that stand whole elsewhere, and long outputs of tools."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, Table, delete, tuple_
from sqlmodel import SQLModel, func, select

from naryad.clock import now
from naryad.db.models.delivery import DeliveryStatus
from naryad.db.session import Database
from naryad.events import EventType

log = structlog.get_logger()
PIECES_KEPT = timedelta(days=1)
"""Tokens serve those who follow a run, or come back to it soon; the message that they made stays."""
OUTPUTS_KEPT = timedelta(days=30)
SENT_KEPT, GIVEN_UP_KEPT = timedelta(days=90), timedelta(days=30)
"""Messages that were sent keep anybody from being told twice; those that were given up may hold codes."""
BATCH = 2_000
"""Rows of one transaction: others write meanwhile."""
EVERY_S = 3600.0

_EVENTS, _OUTPUTS, _DELIVERIES = (SQLModel.metadata.tables[name] for name in ("event", "output", "delivery"))


async def run(database: Database) -> None:
    """Forget what is due, every hour; never ends."""
    while True:
        forgotten = await prune(database, now())
        log.info("retention.pruned", rows=forgotten)
        await asyncio.sleep(EVERY_S)


async def prune(database: Database, moment: datetime) -> int:
    """Delete what is due at a moment; returns how many rows."""
    later = _EVENTS.alias()
    last = select(func.max(later.c.seq)).where(later.c.thread_id == _EVENTS.c.thread_id).scalar_subquery()
    pieces = select(_EVENTS.c.thread_id, _EVENTS.c.seq).where(
        _EVENTS.c.type.in_([EventType.TOKEN, EventType.RESET]),
        _EVENTS.c.at < moment - PIECES_KEPT,
        _EVENTS.c.seq < last,  # the next number is counted from the last row
    )
    outputs = select(_OUTPUTS.c.id).where(_OUTPUTS.c.at < moment - OUTPUTS_KEPT)
    deliveries = select(_DELIVERIES.c.id).where(
        ((_DELIVERIES.c.status == DeliveryStatus.SENT) & (_DELIVERIES.c.created_at < moment - SENT_KEPT))
        | ((_DELIVERIES.c.status == DeliveryStatus.DEAD) & (_DELIVERIES.c.created_at < moment - GIVEN_UP_KEPT))
    )
    due = ((_EVENTS, pieces), (_OUTPUTS, outputs), (_DELIVERIES, deliveries))
    return sum([await _delete(database, table, rows) for table, rows in due])


async def _delete(database: Database, table: Table, due: Select[Any]) -> int:
    rows = delete(table).where(tuple_(*table.primary_key.columns).in_(due.limit(BATCH)))
    deleted = 0
    while count := await database.transact(lambda session: session.connection().execute(rows).rowcount, durable=False):
        deleted += count
    return deleted
