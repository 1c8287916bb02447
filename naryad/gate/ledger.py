"""The ledger: one row for one effect, so that whatever crashes it happens once."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel, col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.clock import now
from naryad.db.models.gate import Effect, EffectStatus
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.events import EventLog, EventType
from naryad.gate.answer import OUTCOMES
from naryad.gate.audit import Audit
from naryad.gate.policy import Rate
from naryad.gate.request import Request
from naryad.owner import LEASE, LET_GO, Life, Worker, heartbeat, surely

_ADD = insert(SQLModel.metadata.tables["effect"])


class Ledger:
    """Starts, keeps alive, takes over and finishes effects."""

    def __init__(self, database: Database, audit: Audit, events: EventLog) -> None:
        self._database, self._audit, self._events = database, audit, events
        self._worker = Worker()

    async def find(self, thread_id: str, call_id: str) -> Effect | None:
        """The effect of one call, if it was ever started."""
        async with self._database.read() as session:
            query = select(Effect).where(Effect.thread_id == thread_id, Effect.call_id == call_id)
            return (await session.exec(query)).first()

    async def listed(self, thread_id: str) -> Sequence[Effect]:
        """The effects of one thread, in order."""
        async with self._database.read() as session:
            query = select(Effect).where(Effect.thread_id == thread_id).order_by(col(Effect.id))
            return (await session.exec(query)).all()

    def row(self, request: Request, rule: str, approval_id: str | None = None) -> Effect:
        """An effect of this process, not yet written."""
        return Effect(
            thread_id=request.caller.thread_id,
            call_id=request.call.id,
            tool=request.tool.name,
            args_sha256=request.sha256,
            approval_id=approval_id,
            rule=rule,
            owner=self._worker.name,
            lease_until=now() + LEASE,
        )

    async def start_alone(self, effect: Effect, rate: Rate | None) -> bool:
        """Start an effect that the policy allows without asking; False when it was started or the rate is spent."""
        async with self._database.write() as session:
            if rate and await self._audit.spent(session, effect.rule, rate.count, now() - rate.per):
                return False
            started = await self.start(session, effect)
        self._events.wake(effect.thread_id)
        return started

    async def start(self, session: AsyncSession, effect: Effect) -> bool:
        """Write `started` inside the caller's transaction; False when the call's effect is there already."""
        await self._audit.alone(session)
        there = select(Effect.id).where(Effect.thread_id == effect.thread_id, Effect.call_id == effect.call_id)
        if (await session.exec(there)).first():
            return False
        await (await session.connection()).execute(_ADD, effect.model_dump())
        await self._audit.record(
            session,
            "effect.started",
            effect.thread_id,
            rule=effect.rule,
            effect=effect.id,
            call=effect.call_id,
            tool=effect.tool,
            approval=effect.approval_id,
            args_sha256=effect.args_sha256,
        )
        await self._events.add(
            session, effect.thread_id, EventType.TOOL_STARTED, call=effect.call_id, tool=effect.tool, effect=effect.id
        )
        return True

    async def finish(self, effect: Effect, status: EffectStatus, *, result: Any = None, message: str = "") -> Effect:
        """Write the outcome, once: a row that somebody else has settled meanwhile is returned as it is."""
        moment, message = now(), storable(message)
        async with self._database.write() as session:
            row = await session.get(Effect, effect.id, with_for_update=True)
            assert row is not None
            if row.status is not EffectStatus.STARTED:
                return row
            row.status, row.result, row.message, row.finished_at = status, result, message, moment
            row.result_sha256 = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
            await self._audit.record(
                session,
                "effect.finished",
                row.thread_id,
                rule=row.rule,
                effect=row.id,
                call=row.call_id,
                tool=row.tool,
                status=status,
                result_sha256=row.result_sha256,
                message=message,
            )
            await self._events.add(
                session,
                row.thread_id,
                EventType.TOOL_FINISHED,
                call=row.call_id,
                tool=row.tool,
                outcome=OUTCOMES[status],
            )
            session.add(row)
        self._events.wake(row.thread_id)
        return row

    async def take_over(self, effect: Effect) -> Life | None:
        """Become the owner of an effect whose owner is gone; only for one who is `at_work` on it.

        Returns:
            `DEAD` or `SILENT` as the owner was; None while it may still be at work or when someone else was faster.
        """
        life = await self._worker.life(effect.owner, effect.lease_until)
        if life is Life.ALIVE:
            return None
        me, lease = self._worker.name, now() + LEASE
        # Compare the lease too, not the owner alone: another process may have found the same owner gone.
        claim = update(Effect).where(
            col(Effect.id) == effect.id,
            col(Effect.status) == EffectStatus.STARTED,
            col(Effect.owner) == effect.owner,
            col(Effect.lease_until) == effect.lease_until,
        )
        async with self._database.write() as session:
            result = await session.exec(claim.values(owner=me, lease_until=lease))
            if result.rowcount != 1:
                return None
            await self._audit.record(
                session, "effect.taken_over", effect.thread_id, effect=effect.id, before=effect.owner, was=life
            )
        effect.owner, effect.lease_until = me, lease
        return life

    @asynccontextmanager
    async def at_work(self, effect: Effect) -> AsyncIterator[bool]:
        """Work on an effect: entered before it is started or taken over, so that nobody takes it for forsaken.

        Renews the lease, and lets it go at once when the run is cancelled or breaks. False where another coroutine
        of this process is at work on it.
        """
        with self._worker.alone(effect.id) as alone:
            if not alone:
                yield False
                return
            try:
                async with heartbeat(partial(self._lease, effect, LEASE)):
                    yield True
            except BaseException:
                with suppress(SQLAlchemyError):
                    await surely(self._lease(effect, None))
                raise

    async def _lease(self, effect: Effect, duration: timedelta | None) -> None:
        claim = update(Effect).where(
            col(Effect.id) == effect.id,
            col(Effect.status) == EffectStatus.STARTED,
            col(Effect.owner) == self._worker.name,
        )
        async with self._database.write() as session:
            await session.exec(claim.values(lease_until=now() + duration if duration else LET_GO))
