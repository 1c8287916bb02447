"""The audit: append-only rows, each holding the hash of the one before."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel, col, func, select, update
from sqlmodel.sql.expression import SelectOfScalar

from naryad import canonical, masking
from naryad.clock import now
from naryad.db.models.gate import AuditHead, AuditRow
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.errors import NaryadError
from naryad.i18n import N_, _


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of a check of the chain; `problem` is empty when every row is as it was written."""

    rows: int
    head: str
    problem: str = ""
    seq: int | None = None


_HEAD = select(AuditHead.seq, AuditHead.hash).where(AuditHead.id == 1)
_ADD = insert(SQLModel.metadata.tables["audit"])
_MOVE = (
    update(SQLModel.metadata.tables["audit_head"])
    .where(col(AuditHead.id) == 1)
    .values(seq=bindparam("to_seq"), hash=bindparam("to_hash"))
)


_WHO = ("person", "principal", "agent", "edited_by")


class Audit:
    """Writes and checks the chain."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, session: Session, event: str, thread_id: str, *, rule: str = "", **data: Any) -> None:
        """Add one row inside the caller's transaction: what is recorded and what happened commit together.

        Raises:
            NaryadError: The chain's head was removed; nothing may happen that cannot be recorded.
        """
        self.alone(session)
        connection = session.connection()
        head = connection.execute(_HEAD).one_or_none()
        if head is None:
            raise NaryadError(_("The audit was tampered with: its head is gone."))
        row = AuditRow(
            seq=head.seq + 1,
            at=now(),
            event=storable(event),
            thread_id=storable(thread_id),
            rule=rule,
            data_json=canonical.encode(storable({name: _masked(name, value) for name, value in data.items()})),
            previous=head.hash,
            hash="",
        )
        row.hash = _hash(row)
        connection.execute(_ADD, row.model_dump())
        connection.execute(_MOVE, {"to_seq": row.seq, "to_hash": row.hash})

    def alone(self, session: Session) -> None:
        """Let no other transaction write the audit until this one ends; take rows' locks before this, never after."""
        self._database.hold(session, "audit")

    async def used(self, rule: str, since: datetime) -> int:
        """How many calls ran under a rule since a moment: what a rate limits."""
        return await self._database.look(lambda session: session.exec(_used(rule, since)).one())

    def spent(self, session: Session, rule: str, count: int, since: datetime) -> bool:
        """Whether a rate allows no more; what the caller's transaction records next cannot be outrun."""
        self.alone(session)
        return session.exec(_used(rule, since)).one() >= count

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
        verdict = Verdict(0, "")
        noted = await self._head()
        async for row in self._each():
            problem = ""
            if row is None:
                problem = N_("this row cannot be read")
            elif row.seq != verdict.rows + 1:
                problem = N_("rows are missing before this one")
            elif row.previous != verdict.head or row.hash != _hash(row):
                problem = N_("this row was changed after it was written")
            if row is None or problem:
                return replace(verdict, problem=problem, seq=row.seq if row else verdict.rows + 1)
            verdict = Verdict(row.seq, row.hash)
        # Rows may have come while we read: the head only moves on, and what it named before must be there.
        head = await self._head()
        if noted is None or head is None:
            return replace(verdict, problem=N_("the chain's head is gone"), seq=verdict.rows)
        if noted.seq > verdict.rows or (head.seq == verdict.rows and head.hash != verdict.head):
            return replace(verdict, problem=N_("the last rows were removed"), seq=verdict.rows + 1)
        if head.seq < verdict.rows:
            return replace(verdict, problem=N_("rows were added at the end"), seq=head.seq + 1)
        return verdict

    async def _each(self) -> AsyncIterator[AuditRow | None]:
        """Every row in order, up to one that cannot be read: that is a None, and the last."""
        after, page = 0, 1000
        while True:
            try:
                rows = await self.rows(after=after, limit=page)
            except (DBAPIError, ValueError):
                if page == 1:
                    yield None
                    return
                page = 1
                continue
            if not rows:
                return
            for row in rows:
                yield row
            after = rows[-1].seq

    async def _head(self) -> AuditHead | None:
        try:
            async with self._database.read() as session:
                return await session.get(AuditHead, 1)
        except (DBAPIError, ValueError):
            return None


def _used(rule: str, since: datetime) -> SelectOfScalar[int]:
    ran = ("call.admitted", "effect.started")
    return select(func.count()).where(AuditRow.rule == rule, AuditRow.at > since, col(AuditRow.event).in_(ran))


def _masked(name: str, value: Any) -> Any:
    """Everything but who acted: a login that looks like an address is what the audit is for."""
    return value if name in _WHO else masking.in_value(value)


def _hash(row: AuditRow) -> str:
    moment = row.at.astimezone(UTC).isoformat()
    line = [row.seq, moment, row.event, row.thread_id, row.rule, row.data_json, row.previous]
    try:
        return hashlib.sha256(canonical.encode(line).encode()).hexdigest()
    except ValueError:  # a column holds what no row was ever written with
        return "none"
