"""Everything at once on one thread: nobody waits for ever, and the books agree."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select, update

from naryad.auth import Person, Role
from naryad.db.models.gate import Approval, ApprovalStatus, Effect
from naryad.errors import NotFound
from naryad.events import EventType
from naryad.gate.answer import Answer, Outcome
from naryad.gate.approvals import Verdict
from tests.naryad.gate.conftest import ANNA, BORIS, OPS, Build, World, fire


async def test_questions_decisions_expiries_and_events_at_once(build: Build) -> None:
    """Transactions that lock approvals, effects, the audit and the thread's events do not lock each other out."""
    worlds = [build(), build()]
    for world in worlds:
        assert isinstance(await world.gate.advance(fire("warm", "warm"), OPS), Approval)

    async def live(n: int) -> Outcome:
        world = worlds[n % 2]
        asked = await world.ask(fire(f"x{n}", f"c{n}"))
        if n % 5 == 0:
            await expire(world, asked.id)
        elif n % 5 == 1:
            await world.gate.edit(asked.id, {"what": f"y{n}"}, BORIS)
        else:
            person = Person(f"local:p{n}", frozenset({Role.OPERATOR}))
            await world.gate.approvals.decide(asked.id, person, Verdict.REJECT if n % 5 == 2 else Verdict.APPROVE)
        answers = await asyncio.gather(*(door.gate.advance(fire(f"x{n}", f"c{n}"), OPS) for door in worlds))
        outcomes = {step.outcome for step in answers if isinstance(step, Answer)}
        assert (len(answers), len(outcomes)) == (2, 1)
        return outcomes.pop()

    async def noise() -> None:
        for n in range(40):
            await worlds[n % 2].events.append("thread-1", EventType.STATUS, n=n)
            await worlds[n % 2].gate.approvals.listed()
            with pytest.raises(NotFound):
                await worlds[n % 2].gate.approvals.decide("nothing", ANNA, Verdict.APPROVE)

    async with asyncio.timeout(100):
        *outcomes, _ = await asyncio.gather(*(live(n) for n in range(30)), noise())
    expected = [Outcome.REJECTED, Outcome.DONE, Outcome.REJECTED, Outcome.DONE, Outcome.DONE] * 6
    assert outcomes == expected
    assert len(worlds[0].effects) == 18
    async with worlds[0].database.read() as session:
        consumed = select(Approval.id).where(Approval.status == ApprovalStatus.CONSUMED)
        assert set((await session.exec(consumed)).all()) == set((await session.exec(select(Effect.approval_id))).all())
    numbers = [event.seq for event in await worlds[0].events.since("thread-1")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert (await worlds[0].gate.audit.verify()).problem == ""


async def expire(world: World, approval_id: str) -> None:
    async with world.database.write() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.exec(update(Approval).where(Approval.id == approval_id).values(expires_at=past))  # type: ignore[arg-type]
