"""How each agent does: what became of its last runs, what stands still, and what it works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, exists, select, text

from naryad.clock import now
from naryad.db.models.event import ENDED, EventRow
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.db.models.thread import QueuedInput, Thread
from naryad.events import EventType

WINDOW = timedelta(hours=1)
LAST = 20
"""Runs that are looked at, of the last hour."""
FEW = 4
"""Below so many runs a share says nothing: one failure is not a sick agent."""
WORSE, BAD = 0.2, 0.5
STILL = timedelta(minutes=15)
"""A run that has told nothing for so long, and waits for nobody, is stuck."""


@dataclass(frozen=True, slots=True)
class Work:
    """What became of an agent's work.

    Attributes:
        runs: Its last runs, at most `LAST`, that ended within `WINDOW`.
        failed: How many of them broke.
        stuck: The threads whose run stands still.
    """

    runs: int = 0
    failed: int = 0
    stuck: tuple[str, ...] = ()

    @property
    def failure_share(self) -> float:
        """The share of those that broke; 0 where there were none."""
        return self.failed / self.runs if self.runs else 0.0

    @property
    def worse(self) -> bool:
        """Whether something is amiss."""
        return bool(self.stuck) or (self.runs >= FEW and self.failure_share > WORSE)

    @property
    def bad(self) -> bool:
        """Whether most of it fails."""
        return self.runs >= FEW and self.failure_share > BAD


def work(session: Session, agents: Sequence[str]) -> Mapping[str, Work]:
    """The work of each of these agents."""
    moment = now()
    stuck = _stuck(session, moment)
    return {agent: Work(*_ended(session, agent, moment), tuple(stuck.get(agent, ()))) for agent in agents}


def _ended(session: Session, agent: str, moment: datetime) -> tuple[int, int]:
    last = (
        select(EventRow.type)
        .join(Thread, col(Thread.id) == col(EventRow.thread_id))
        .where(text(ENDED), col(EventRow.at) > moment - WINDOW, Thread.agent == agent)
        .order_by(col(EventRow.at).desc())
        .limit(LAST)
    )
    found = session.exec(last).all()
    return len(found), found.count(EventType.RUN_FAILED)


def _stuck(session: Session, moment: datetime) -> Mapping[str, list[str]]:
    asks = exists().where(
        col(Approval.thread_id) == col(Thread.id),
        col(Approval.status) == ApprovalStatus.PENDING,
        col(Approval.expires_at) > moment,
    )
    told = select(EventRow.at).where(col(EventRow.thread_id) == col(Thread.id)).order_by(col(EventRow.seq).desc())
    still = (
        select(Thread.agent, Thread.id)
        .where(
            col(Thread.id).in_(select(QueuedInput.thread_id)), ~asks, told.limit(1).scalar_subquery() < moment - STILL
        )
        .order_by(col(Thread.id))
        .limit(100)
    )
    found: dict[str, list[str]] = {}
    for agent, thread in session.exec(still).all():
        found.setdefault(agent, []).append(thread)
    return found
