"""The audit: append-only rows, each holding the hash of the one before."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import canonical, masking
from naryad.clock import now
from naryad.db.models.gate import AuditHead, AuditRow
from naryad.db.session import Database


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of a check of the chain; `problem` is empty when every row is as it was written."""

    rows: int
    head: str
    problem: str = ""
    seq: int | None = None


class Audit:
    """Writes and checks the chain."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, session: AsyncSession, event: str, thread_id: str, *, rule: str = "", **data: Any) -> None:
        """Add one row inside the caller's transaction: what is recorded and what happened commit together."""
        await self._database.serialize(session, "audit")
        head = await session.get(AuditHead, 1)
        if head is None:
            head = AuditHead()
            session.add(head)
        row = AuditRow(
            seq=head.seq + 1,
            at=now(),
            event=event,
            thread_id=thread_id,
            rule=rule,
            data_json=canonical.encode(masking.in_value(data)),
            previous=head.hash,
            hash="",
        )
        row.hash = _hash(row)
        session.add(row)
        head.seq, head.hash = row.seq, row.hash

    async def used(self, rule: str, since: datetime, session: AsyncSession | None = None) -> int:
        """How many calls ran under a rule since a moment: what a rate limits."""
        ran = ("call.read", "effect.started")
        query = select(func.count()).where(AuditRow.rule == rule, AuditRow.at > since, col(AuditRow.event).in_(ran))
        if session:
            return (await session.exec(query)).one()
        async with self._database.read() as own:
            return (await own.exec(query)).one()

    async def rows(self, *, thread_id: str = "", after: int = 0, limit: int = 100) -> Sequence[AuditRow]:
        """Rows in order, from the one after `after`; of one thread when it is named."""
        query = select(AuditRow).where(AuditRow.seq > after).order_by(col(AuditRow.seq)).limit(limit)
        if thread_id:
            query = query.where(AuditRow.thread_id == thread_id)
        async with self._database.read() as session:
            return (await session.exec(query)).all()

    async def holds(self, head: str) -> bool:
        """Whether a hash noted earlier is still in the chain."""
        async with self._database.read() as session:
            return (await session.exec(select(AuditRow.seq).where(AuditRow.hash == head))).first() is not None

    async def verify(self) -> Verdict:
        """Read the whole chain and find the first row that was changed, removed or added out of turn."""
        seq, previous = 0, ""
        while rows := await self.rows(after=seq, limit=1000):
            for row in rows:
                if row.seq != seq + 1:
                    return Verdict(seq, previous, "rows are missing before this one", row.seq)
                if row.previous != previous or row.hash != _hash(row):
                    return Verdict(seq, previous, "this row was changed after it was written", row.seq)
                seq, previous = row.seq, row.hash
        async with self._database.read() as session:
            head = await session.get(AuditHead, 1)
        if ((head.seq, head.hash) if head else (0, "")) != (seq, previous):
            return Verdict(seq, previous, "the last rows were removed", seq + 1)
        return Verdict(seq, previous)


def _hash(row: AuditRow) -> str:
    line = [row.seq, row.at.astimezone(UTC).isoformat(), row.event, row.thread_id, row.rule, row.data_json, row.previous]
    return hashlib.sha256(canonical.encode(line).encode()).hexdigest()
