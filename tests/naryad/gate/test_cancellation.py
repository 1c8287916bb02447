"""A run that is cancelled: at every point where it waits, one after the other."""

import asyncio

import pytest

from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.events import EventType
from naryad.gate.answer import Answer, Call, Outcome
from naryad.gate.approvals import Verdict
from tests.naryad.gate.conftest import ANNA, OPS, Build, World
from tests.naryad.gate.cutting import Cut

pytestmark = pytest.mark.slow

FINE = {
    "counter_note": {(Outcome.DONE, 1), (Outcome.UNKNOWN, 1), (Outcome.UNKNOWN, 0)},
    "counter_fire": {(Outcome.DONE, 1), (Outcome.FAILED, 0)},
    "counter_launch": {(Outcome.DONE, 1), (Outcome.UNKNOWN, 1), (Outcome.UNKNOWN, 0)},
    "counter_put": {(Outcome.DONE, 1), (Outcome.UNKNOWN, 1), (Outcome.UNKNOWN, 0)},
    "counter_mend": {(Outcome.DONE, 1), (Outcome.FAILED, 0)},
}
"""What may be reported after a cut, and how often the effect may have happened then."""


async def settled(world: World, call: Call) -> Answer:
    """Take the call to its end as the next run would, approving what is asked."""
    async with asyncio.timeout(90):
        while isinstance(step := await world.gate.advance(call, OPS), Approval):
            await world.gate.approvals.decide(step.id, ANNA, Verdict.APPROVE)
        assert isinstance(step, Answer)
        return step


@pytest.mark.parametrize("by", ["the same process", "another process"])
@pytest.mark.parametrize("tool", sorted(FINE))
async def test_a_run_cut_anywhere_is_settled_by_the_next(build: Build, tool: str, by: str) -> None:
    """Wherever the run of an effect is cancelled, the next one ends it: at most one effect, truthfully reported."""
    world = build()
    other = world if by == "the same process" else build()
    points, seen = 0, set()
    while True:
        points += 1
        call = Call(f"c{points}", tool, {"what": f"w{points}", "seconds": 0.001})
        # Once one was cut short, what nobody named is asked about.
        await world.events.append(OPS.thread_id, EventType.INPUT, by=OPS.principal, text=f"w{points} 0.001")
        if tool != "counter_note":
            await world.approved(call)
        cut = Cut(points)
        await cut.run(world.gate.advance(call, OPS))
        answer = await settled(other, call)
        times = sum(line.endswith(f" w{points}") for line in world.effects)
        assert (answer.outcome, times) in FINE[tool], points
        seen.add((answer.outcome, times))
        if not cut.reached:
            break
    assert points > 5
    assert len(seen) > 1, "no cut fell between the start and the end"
    assert (await world.gate.audit.verify()).problem == ""


async def test_a_question_cut_anywhere_is_asked_once(build: Build) -> None:
    """Wherever asking is cancelled, the next run asks, and one question is open."""
    world, points = build(), 0
    while True:
        points += 1
        call = Call(f"c{points}", "counter_fire", {"what": f"w{points}"})
        cut = Cut(points)
        await cut.run(world.gate.advance(call, OPS))
        async with asyncio.timeout(90):
            asked = await world.ask(call)
        assert asked.status is ApprovalStatus.PENDING
        if not cut.reached:
            break
    assert points > 2
    assert len(await world.gate.approvals.listed(limit=1000)) == points


async def test_a_decision_cut_anywhere_is_made_or_not(build: Build) -> None:
    """Wherever a decision is cancelled, it counts wholly or not at all, and then it can be made again."""
    world, points = build(), 0
    while True:
        points += 1
        call = Call(f"c{points}", "counter_fire", {"what": f"w{points}"})
        asked = await world.ask(call)
        cut = Cut(points)
        await cut.run(world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE))
        said = await world.gate.approvals.decisions(asked.id)
        status = (await world.gate.approvals.get(asked.id)).status
        assert (status, len(said)) in {(ApprovalStatus.PENDING, 0), (ApprovalStatus.APPROVED, 1)}
        assert (await settled(world, call)).outcome is Outcome.DONE
        if not cut.reached:
            break
    assert points > 1
    assert len(world.effects) == points
