"""Canaries: cases with a known good end, played in production on a schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlmodel import Session

from naryad import masking
from naryad.db.models.sentinel import RunRecord
from naryad.db.session import Database
from naryad.observability import aside
from naryad.sentinel.recorder import Made

WHY_CHARS = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one canary ended.

    Attributes:
        name: The case.
        model: The model that answered; empty for none.
        degraded: Whether none answered what was asked of one; a case need not ask any.
        why: What did not hold; empty where it passed.
    """

    name: str
    agent: str
    passed: bool
    seconds: float = 0
    model: str = ""
    degraded: bool = False
    tokens: int = 0
    why: str = ""


class Canaries(Protocol):
    """What plays canaries; it touches nothing of the company's."""

    async def play(self) -> Sequence[Outcome]:
        """Play each case once; one that breaks counts as failed."""
        ...


async def play(canaries: Canaries, database: Database, made: Mapping[str, Made]) -> Mapping[str, int]:
    """Play all and write their outcomes down; returns how many there were and failed."""
    with aside():
        outcomes = await canaries.play()
    rows = [_row(outcome, made.get(outcome.agent, Made())) for outcome in outcomes]

    def write(session: Session) -> None:
        session.add_all(rows)

    await database.transact(write)
    return {"played": len(outcomes), "failed": sum(not outcome.passed for outcome in outcomes)}


def _row(outcome: Outcome, made: Made) -> RunRecord:
    return RunRecord(
        agent=outcome.agent,
        canary=outcome.name,
        version=made.version,
        prompts=made.prompts,
        outcome="finished" if outcome.passed else "failed",
        result=masking.secrets(outcome.why)[:WHY_CHARS],
        degraded=outcome.degraded,
        seconds=outcome.seconds,
        tokens=outcome.tokens,
        models={outcome.model: [1, 0, outcome.seconds]} if outcome.model else {},
    )
