"""Writes one row of figures for each leg of a run; it never holds a run up nor fails it."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from naryad.clock import now
from naryad.db.models.sentinel import RunRecord
from naryad.db.session import Database
from naryad.db.waiting import to_its_end
from naryad.observability import Kind, Operation, watched

log = structlog.get_logger()
EVERY_S = 2.0
MOST_WAITING = 10_000
"""Rows that wait for the database; the oldest go where more do."""
_ENDS = {"CancelledError": "cancelled"}

_leg: ContextVar[RunRecord | None] = ContextVar("leg", default=None)


@dataclass(frozen=True, slots=True)
class Made:
    """What an agent is made of, in digests.

    Attributes:
        version: Of everything.
        prompts: Of its prompts alone.
    """

    version: str = ""
    prompts: str = ""


class Recorder:
    """Records the live runs of one process. What a crash loses is a few seconds of statistics.

    Args:
        database: Where the rows go.
        made: What each agent is made of.
    """

    def __init__(self, database: Database, made: Mapping[str, Made]) -> None:
        self._database, self._made = database, made
        self._waiting: deque[RunRecord] = deque(maxlen=MOST_WAITING)

    async def run(self) -> None:
        """Watch and write; never ends."""
        with watched(self.watch):
            try:
                while True:
                    await asyncio.sleep(EVERY_S)
                    try:
                        await self.flush()
                    except SQLAlchemyError as error:  # the database is away for a moment; the rows wait
                        log.warning("sentinel.rows.wait", rows=len(self._waiting), error=type(error).__name__)
            finally:
                await to_its_end(self.flush())

    async def flush(self) -> None:
        """Write what waits, in one transaction."""
        if not self._waiting:
            return
        rows = list(self._waiting)
        self._waiting.clear()

        def write(session: Session) -> None:
            session.connection().execute(insert(RunRecord), [row.model_dump() for row in rows])

        try:
            await self._database.transact(write, durable=False)
        except SQLAlchemyError:
            self._waiting = deque([*rows, *self._waiting], maxlen=MOST_WAITING)
            raise

    @contextmanager
    def watch(self, seen: Operation) -> Iterator[None]:
        """Add an operation to the leg around it; a leg is a row at its end."""
        began = time.monotonic()
        if seen.kind is Kind.AGENT and not seen.aside:
            leg = RunRecord(agent=seen.name, outcome="")
            token = _leg.set(leg)
            try:
                yield
            finally:
                _leg.reset(token)
                self._ended(leg, seen, time.monotonic() - began)
            return
        try:
            yield
        finally:
            if (around := _leg.get()) and seen.kind is not Kind.AGENT:
                _add(around, seen, time.monotonic() - began)

    def _ended(self, leg: RunRecord, seen: Operation, seconds: float) -> None:
        made, facts = self._made.get(leg.agent, Made()), seen.facts
        leg.version, leg.prompts, leg.seconds = made.version, made.prompts, seconds
        leg.at = now()
        leg.outcome = _ENDS.get(seen.error, "failed") if seen.error else str(facts.get("outcome", "finished"))
        leg.result, leg.degraded = str(facts.get("result") or ""), bool(facts.get("degraded"))
        self._waiting.append(leg)


def _add(leg: RunRecord, seen: Operation, seconds: float) -> None:
    model = seen.kind is Kind.MODEL
    # By the name under which it was answered, where it was: a provider may ask another model than it was told to.
    name = f"{seen.facts.get('provider')}/{seen.facts.get('model') or seen.name}" if model else seen.name
    figures = (leg.models if model else leg.tools).setdefault(name, [0, 0, 0.0])
    failed = bool(seen.error)  # also «cancelled»: so a tool sees its own time limit
    figures[0] += not (failed and model)
    figures[1] += failed
    figures[2] += seconds
    leg.tokens += (seen.facts.get("usage") or {}).get("total_tokens", 0)
