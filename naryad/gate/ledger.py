"""The ledger: one row for one effect, so that whatever crashes it happens once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import owner
from naryad.canonical import digest
from naryad.clock import now
from naryad.db.models.gate import Effect, EffectStatus
from naryad.db.session import Database
from naryad.events import EventLog, EventType
from naryad.gate.audit import Audit
from naryad.gate.policy import Rate

LEASE = timedelta(seconds=30)
"""How long a process that went silent on another host is believed to be still at work."""


class Ledger:
    """Starts, keeps alive, takes over and finishes effects."""

    def __init__(self, database: Database, audit: Audit, events: EventLog) -> None:
        self._database, self._audit, self._events = database, audit, events

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

    @staticmethod
    def claim() -> dict[str, Any]:
        """The fields that make this process the owner of a new effect."""
        return {"owner": owner.this_process(), "lease_until": now() + LEASE}

    async def start_alone(self, effect: Effect, rate: Rate | None) -> bool:
        """Start an effect that the policy allows without asking; False when it was started or the rate is spent."""
        try:
            async with self._database.write() as session:
                await self._database.serialize(session, "audit")
                if rate and await self._audit.used(effect.rule, now() - rate.per, session) >= rate.count:
                    return False
                await self.start(session, effect)
        except IntegrityError:
            return False
        self._events.wake(effect.thread_id)
        return True

    async def start(self, session: AsyncSession, effect: Effect) -> None:
        """Write `started` inside the transaction that consumes the approval."""
        session.add(effect)
        await session.flush()
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

    async def finish(self, effect: Effect, status: EffectStatus, *, result: Any = None, message: str = "") -> Effect:
        """Write the outcome, once: a row that another process has settled meanwhile is returned as it is."""
        moment = now()
        async with self._database.write() as session:
            row = await session.get(Effect, effect.id, with_for_update=True)
            assert row is not None
            if row.status is not EffectStatus.STARTED or row.owner != effect.owner:
                return row
            row.status, row.result, row.message, row.finished_at = status, result, message, moment
            row.result_sha256 = digest(result)
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
                session, row.thread_id, EventType.TOOL_FINISHED, call=row.call_id, tool=row.tool, status=status
            )
            session.add(row)
        self._events.wake(row.thread_id)
        return row

    async def take_over(self, effect: Effect) -> owner.Life | None:
        """Become the owner of an effect whose process is gone.

        Returns:
            `DEAD` where the process certainly ended, `ELSEWHERE` where only its lease ran out on
            another host, None while it may still be at work or when someone else was faster.
        """
        life = await asyncio.to_thread(owner.life, effect.owner)
        if life is owner.Life.ALIVE or (life is owner.Life.ELSEWHERE and effect.lease_until >= now()):
            return None
        me, lease = owner.this_process(), now() + LEASE
        # A second coroutine of this process must not win as well: compare the lease, not the owner alone.
        claim = (
            update(Effect)
            .where(
                col(Effect.id) == effect.id,
                col(Effect.status) == EffectStatus.STARTED,
                col(Effect.owner) == effect.owner,
                col(Effect.lease_until) == effect.lease_until,
            )
            .values(owner=me, lease_until=lease)
        )
        async with self._database.write() as session:
            result = await session.exec(claim)
            if result.rowcount != 1:
                return None
            await self._audit.record(
                session, "effect.taken_over", effect.thread_id, effect=effect.id, before=effect.owner
            )
        effect.owner, effect.lease_until = me, lease
        return life

    @asynccontextmanager
    async def held(self, effect: Effect) -> AsyncIterator[None]:
        """Renew the lease while the effect runs; let it go at once when the run is cancelled."""
        heart = asyncio.create_task(self._beat(effect))
        try:
            yield
        except asyncio.CancelledError:
            await asyncio.shield(self._lease(effect, owner.NOBODY))
            raise
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart

    async def _beat(self, effect: Effect) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            await self._lease(effect, effect.owner)

    async def _lease(self, effect: Effect, new_owner: str) -> None:
        async with self._database.write() as session:
            await session.exec(
                update(Effect)
                .where(col(Effect.id) == effect.id, col(Effect.owner) == effect.owner)
                .where(col(Effect.status) == EffectStatus.STARTED)
                .values(owner=new_owner, lease_until=now() + LEASE)
            )
