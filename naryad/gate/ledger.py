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
from sqlmodel import Session, SQLModel, col, select, update

from naryad.clock import now
from naryad.db.models.gate import Effect, EffectStatus
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.db.waiting import to_its_end
from naryad.events import EventLog, EventType
from naryad.gate.answer import OUTCOMES
from naryad.gate.audit import Audit
from naryad.gate.policy import Rate
from naryad.gate.request import Request
from naryad.owner import LEASE, LET_GO, Life, Worker, heartbeat

_ADD = insert(SQLModel.metadata.tables["effect"])


class Ledger:
    """Starts, keeps alive, takes over and finishes effects."""

    def __init__(self, database: Database, audit: Audit, events: EventLog) -> None:
        self._database, self._audit, self._events = database, audit, events
        self._worker = Worker()

    async def find(self, thread_id: str, call_id: str) -> Effect | None:
        """The effect of one call, if it was ever started."""
        query = select(Effect).where(Effect.thread_id == thread_id, Effect.call_id == call_id)
        return await self._database.look(lambda session: session.exec(query).first())

    async def listed(self, thread_id: str) -> Sequence[Effect]:
        """The effects of one thread, in order."""
        query = select(Effect).where(Effect.thread_id == thread_id).order_by(col(Effect.id))
        return await self._database.look(lambda session: session.exec(query).all())

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

        def begin(session: Session) -> bool:
            if rate and self._audit.spent(session, effect.rule, rate.count, now() - rate.per):
                return False
            return self.start(session, effect)

        started = await self._database.transact(begin)
        self._events.wake(effect.thread_id)
        return started

    def start(self, session: Session, effect: Effect) -> bool:
        """Write `started` inside the caller's transaction; False when the call's effect is there already."""
        self._audit.alone(session)
        there = select(Effect.id).where(Effect.thread_id == effect.thread_id, Effect.call_id == effect.call_id)
        if session.exec(there).first():
            return False
        session.connection().execute(_ADD, effect.model_dump())
        self._audit.record(
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
        self._events.put(
            session, effect.thread_id, EventType.TOOL_STARTED, call=effect.call_id, tool=effect.tool, effect=effect.id
        )
        return True

    async def finish(self, effect: Effect, status: EffectStatus, *, result: Any = None, message: str = "") -> Effect:
        """Write the outcome, once: a row that somebody else has settled meanwhile is returned as it is."""
        moment, message = now(), storable(message)

        def end(session: Session) -> Effect:
            row = session.get_one(Effect, effect.id, with_for_update=True)
            if row.status is not EffectStatus.STARTED:
                return row
            row.status, row.result, row.message, row.finished_at = status, result, message, moment
            row.result_sha256 = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
            self._audit.record(
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
            facts = {"call": row.call_id, "tool": row.tool, "outcome": OUTCOMES[status]}
            self._events.put(session, row.thread_id, EventType.TOOL_FINISHED, **facts)
            return row

        row = await self._database.transact(end)
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

        def take(session: Session) -> bool:
            if session.exec(claim.values(owner=me, lease_until=lease)).rowcount != 1:
                return False
            facts = {"effect": effect.id, "before": effect.owner, "was": life}
            self._audit.record(session, "effect.taken_over", effect.thread_id, **facts)
            return True

        if not await self._database.transact(take):
            return None
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
                    await to_its_end(self._lease(effect, None))
                raise

    async def _lease(self, effect: Effect, duration: timedelta | None) -> None:
        claim = update(Effect).where(
            col(Effect.id) == effect.id,
            col(Effect.status) == EffectStatus.STARTED,
            col(Effect.owner) == self._worker.name,
        )
        until = now() + duration if duration else LET_GO
        await self._database.transact(lambda session: session.exec(claim.values(lease_until=until)))
