"""How everything is: asked at once, each within its time, and remembered for a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from enum import StrEnum

import structlog
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from agents.registry import Crew
from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.thread import QueuedInput, Thread
from naryad.gate.policy import PolicyFile
from naryad.llm.breaker import BreakerState
from naryad.mail.filing import LETTERS
from server.health.agents import Work, work
from tools import registry

log = structlog.get_logger()
TIMEOUT_S = 5.0
"""How long one component may take to answer; a monitor waits no longer either."""
KEPT_S = 5.0
"""How long an answer is good for: a storm of monitors is one question."""
LATE = timedelta(minutes=5)
"""A message that was due so long ago is stuck."""
FRESH = timedelta(days=1)
"""A message that was given up longer ago troubles nobody any more."""

READERS = frozenset({"support"})
"""Agents that answer from the knowledge base."""


class Status(StrEnum):
    """How a component, or the whole, is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Health:
    """Looks at the components of one process.

    Args:
        crew: What is looked at.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew, self._runtime = crew, crew.runtime
        self._known: dict[str, tuple[float, asyncio.Task[dict[str, Status]]]] = {}

    async def database(self) -> dict[str, Status]:
        """Whether the database answers."""
        return await self._kept("database", self._database)

    async def policy(self) -> dict[str, Status]:
        """Whether the policy can be read: without it every call is denied."""
        return await self._kept("policy", self._policy)

    async def queue(self) -> dict[str, Status]:
        """The run queue and the outbox."""
        return await self._kept("queue", self._queue)

    async def integrations(self) -> dict[str, Status]:
        """The external systems that are configured."""
        return await self._kept("integrations", self._integrations)

    def models(self) -> dict[str, Status]:
        """The chain's providers, by what they did last: nothing is sent."""
        words = {BreakerState.CLOSED: Status.HEALTHY, BreakerState.HALF_OPEN: Status.DEGRADED}
        return {one.name: words.get(one.breaker, Status.UNHEALTHY) for one in self._runtime.chain.status}

    async def agents(self) -> dict[str, Status]:
        """Each agent, by what it did last and by what it works with."""
        return await self._kept("agents", self._agents)

    async def work(self) -> Mapping[str, Work]:
        """What became of each agent's work."""
        return await self._runtime.database.look(lambda session: work(session, self._crew.runs.agents))

    async def knowledge(self) -> dict[str, Status]:
        """The index of the knowledge base: degraded while it is behind the documents, or empty."""
        return await self._kept("knowledge", self._knowledge)

    @property
    def thinking(self) -> Status:
        """Without a model an agent keeps to its runbooks and forms."""
        return Status.HEALTHY if Status.HEALTHY in self.models().values() else Status.DEGRADED

    async def _agents(self) -> dict[str, Status]:
        done, read = await asyncio.gather(self.work(), self.knowledge())
        return {agent: self.of_work(agent, one, worst(*read.values())) for agent, one in done.items()}

    def of_work(self, agent: str, done: Work, knowledge: Status) -> Status:
        """How an agent is, by its work; what it must do without only degrades it."""
        works = Status.UNHEALTHY if done.bad else Status.DEGRADED if done.worse else Status.HEALTHY
        lacks = agent in READERS and knowledge is not Status.HEALTHY
        return worst(works, self.thinking, Status.DEGRADED if lacks else Status.HEALTHY)

    async def _knowledge(self) -> dict[str, Status]:
        known = await self._crew.knowledge.status()
        able = known.indexed >= known.revision and any(known.passages.values())
        return {"knowledge": Status.HEALTHY if able else Status.DEGRADED}

    async def _kept(self, name: str, look: Callable[[], Awaitable[dict[str, Status]]]) -> dict[str, Status]:
        asked, task = self._known.get(name, (0.0, None))
        if task is None or time.monotonic() - asked > KEPT_S:
            task = asyncio.create_task(self._bounded(name, look))
            self._known[name] = (time.monotonic(), task)
        # Shielded: who gives up waiting must not end the question for the others.
        return await asyncio.shield(task)

    async def _bounded(self, name: str, look: Callable[[], Awaitable[dict[str, Status]]]) -> dict[str, Status]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await look()
        except Exception as error:  # whatever broke, it is not well, and the others are told all the same
            log.warning("health.check.failed", component=name, error=type(error).__name__)
            return {name: Status.UNHEALTHY}

    async def _database(self) -> dict[str, Status]:
        await self._runtime.database.ping()
        return {"database": Status.HEALTHY}

    async def _policy(self) -> dict[str, Status]:
        rules: PolicyFile = self._runtime.policy
        await asyncio.to_thread(lambda: rules.version)
        return {"policy": Status.HEALTHY}

    async def _queue(self) -> dict[str, Status]:
        late = select(func.count()).where(
            col(Delivery.status) == DeliveryStatus.PENDING, col(Delivery.due_at) < now() - LATE
        )
        dead = select(func.count()).where(given_up())
        forsaken = select(func.count(func.distinct(Thread.id))).where(
            col(Thread.id).in_(select(QueuedInput.thread_id)),
            col(Thread.owner).is_not(None),
            col(Thread.lease_until) < now() - LATE,
        )

        def look(session: Session) -> list[int]:
            return [session.exec(query).one() for query in (late, dead, forsaken)]

        stuck, dead_letters, left = await self._runtime.database.look(look)
        return {
            "outbox": Status.DEGRADED if stuck or dead_letters else Status.HEALTHY,
            "runs": Status.DEGRADED if left else Status.HEALTHY,
        }

    async def _integrations(self) -> dict[str, Status]:
        found = await registry.checks(self._runtime.settings)
        return {
            check.name: Status.HEALTHY if check.reachable else Status.UNHEALTHY for check in found if check.configured
        }


def given_up() -> ColumnElement[bool]:
    """The messages that were given up of late; a letter that a stranger's address bounces is no fault of ours."""
    tried = col(Delivery.due_at) >= now() - FRESH  # when it was tried for the last time
    return (col(Delivery.status) == DeliveryStatus.DEAD) & (col(Delivery.channel) != LETTERS) & tried


def worst(*statuses: Status) -> Status:
    """The worst of them; healthy where there are none."""
    return max(statuses, key=[*Status].index, default=Status.HEALTHY)
