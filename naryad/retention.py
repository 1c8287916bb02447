"""What is forgotten with time: pieces of messages that stand whole elsewhere, and what tools showed."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Delete, Select, Table, Update, delete, tuple_, update
from sqlmodel import SQLModel, func, select

import naryad.db.models  # noqa: F401  registers the tables
from naryad.db.models.delivery import DeliveryStatus
from naryad.db.session import Database
from naryad.events import EventType

PIECES_KEPT = timedelta(days=1)
"""Tokens serve those who follow a run, or come back to it soon; the message that they made stays."""
OUTPUTS_KEPT = timedelta(days=30)
SENT_KEPT, GIVEN_UP_KEPT = timedelta(days=90), timedelta(days=30)
"""Messages that were sent keep anybody from being told twice; those that were given up may hold codes."""
UNTAKEN_KEPT = timedelta(days=7)
"""Whatever is tried comes to its end within hours: what is due since so long waits for a channel that is not set up."""
ALERTS_KEPT, JOB_RUNS_KEPT, RECORDS_KEPT = timedelta(days=180), timedelta(days=14), timedelta(days=90)
BATCH = 2_000
"""Rows of one transaction: others write meanwhile."""

_GONE = "…"
_NAMES = ("event", "output", "delivery", "alert", "job_run", "seen", "run_record", "golden")
_EVENTS, _OUTPUTS, _DELIVERIES, _ALERTS, _JOB_RUNS, _SEEN, _RECORDS, _GOLDEN = (
    SQLModel.metadata.tables[name] for name in _NAMES
)


async def prune(database: Database, moment: datetime) -> int:
    """Forget what is due at a moment; returns how many rows."""
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
        | ((_DELIVERIES.c.status == DeliveryStatus.PENDING) & (_DELIVERIES.c.due_at < moment - UNTAKEN_KEPT))
    )
    alerts = select(_ALERTS.c.id).where(_ALERTS.c.over, _ALERTS.c.received_at < moment - ALERTS_KEPT)
    runs = select(_JOB_RUNS.c.id).where(_JOB_RUNS.c.finished_at < moment - JOB_RUNS_KEPT)
    golden = select(_GOLDEN.c.agent).where(
        _GOLDEN.c.agent == _RECORDS.c.agent, _GOLDEN.c.since <= _RECORDS.c.at, _RECORDS.c.at < _GOLDEN.c.until
    )
    records = select(_RECORDS.c.id).where(_RECORDS.c.at < moment - RECORDS_KEPT, ~golden.exists())
    tables = (_EVENTS, _OUTPUTS, _DELIVERIES, _ALERTS, _JOB_RUNS, _RECORDS)
    due = zip(tables, (pieces, outputs, deliveries, alerts, runs, records), strict=True)
    deleted = sum([await _batched(database, delete(table), table, rows) for table, rows in due])
    shown = select(_SEEN.c.thread_id, _SEEN.c.call_id).where(_SEEN.c.at < moment - OUTPUTS_KEPT, _SEEN.c.text != _GONE)
    # That something was shown stays: what comes later and stands nowhere must not look as if nobody had ordered it.
    return deleted + await _batched(database, update(_SEEN).values(text=_GONE, own=[]), _SEEN, shown)


async def _batched(database: Database, change: Delete | Update, table: Table, due: Select[Any]) -> int:
    rows = change.where(tuple_(*table.primary_key.columns).in_(due.limit(BATCH)))
    done = 0
    while count := await database.transact(lambda session: session.connection().execute(rows).rowcount, durable=False):
        done += count
    return done
