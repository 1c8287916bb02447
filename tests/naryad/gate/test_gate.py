"""The gate: what is allowed, asked about, refused, and done once."""

import asyncio

import pytest

from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.errors import Refused
from naryad.gate.answer import Answer, Call, Outcome
from naryad.gate.approvals import Verdict
from tests.naryad.gate.conftest import ANNA, BORIS, GUEST, OPS, World, fire


async def test_a_read_runs_at_once_and_is_audited(world: World) -> None:
    """A tool without effect needs nobody, and leaves an audit line."""
    answer = await world.answer(Call("c1", "counter_look", {"what": "here"}))
    assert (answer.outcome, answer.data) == (Outcome.DONE, {"what": "here"})
    assert [row.event for row in await world.gate.audit.rows()] == ["call.read"]


async def test_a_destructive_call_waits_for_a_person_and_runs_once(world: World) -> None:
    """Nothing happens before the yes; after it the effect happens once, however often the call is made."""
    asked = await world.ask()
    assert (asked.question, asked.preview, world.effects) == ("Fire x?", "will write x", [])
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    answers = [await world.gate.advance(fire(), OPS) for _ in range(3)]
    assert world.effects == ["fire x"]
    assert [a.outcome for a in answers if isinstance(a, Answer)] == [Outcome.DONE] * 3


async def test_fifty_resumes_at_once_make_one_effect(world: World) -> None:
    """However many resumes race, the approval is consumed by one of them and the rest get its answer."""
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    answers = await asyncio.gather(*(world.gate.advance(fire(), OPS) for _ in range(50)))
    assert world.effects == ["fire x"]
    assert {a.outcome for a in answers if isinstance(a, Answer)} == {Outcome.DONE}
    assert len(answers) == 50


async def test_a_no_is_final(world: World) -> None:
    """A rejected call changes nothing, and its reason reaches the agent."""
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.REJECT, "not today")
    answer = await world.answer()
    assert answer.outcome is Outcome.REJECTED
    assert "not today" in answer.text
    with pytest.raises(Refused):
        await world.gate.approvals.decide(asked.id, BORIS, Verdict.APPROVE)
    assert world.effects == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("", "The operator said no. Nothing was changed."),
        ("...", "The operator said no. Nothing was changed."),
        ("not today.", "The operator said no: not today. Nothing was changed."),
        ("see {why}", "The operator said no: see {why}. Nothing was changed."),
    ],
)
async def test_a_no_is_told_in_whole_sentences(world: World, reason: str, told: str) -> None:
    """With its reason where there is one, whatever it is made of."""
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.REJECT, reason)
    assert (await world.answer()).text == told


async def test_a_changed_world_makes_the_yes_stale(world: World) -> None:
    """An approval given for another state is not used; the question is asked anew."""
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    world.counter.set_state("changed")
    again = await world.ask()
    assert (again.attempt, again.status, world.effects) == (2, ApprovalStatus.PENDING, [])
    await world.gate.approvals.decide(again.id, ANNA, Verdict.APPROVE)
    await world.gate.advance(fire(), OPS)
    assert world.effects == ["fire x"]


async def test_only_people_with_the_role_decide(world: World) -> None:
    """A person without the role is refused, and the refusal is audited."""
    asked = await world.ask()
    with pytest.raises(Refused):
        await world.gate.approvals.decide(asked.id, GUEST, Verdict.APPROVE)
    assert [row.event for row in await world.gate.audit.rows()][-1] == "approval.refused"
    assert isinstance(await world.gate.advance(fire(), OPS), Approval)


async def test_the_same_call_id_cannot_carry_other_arguments(world: World) -> None:
    """A yes for one call is no yes for another that borrows its id."""
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    answer = await world.answer(fire("y"))
    assert (answer.outcome, world.effects) == (Outcome.INVALID, [])


async def test_an_edited_call_runs_with_the_editors_arguments(world: World) -> None:
    """The editor's arguments run, the model's never do."""
    asked = await world.ask()
    edited = await world.gate.edit(asked.id, {"what": "safer"}, ANNA)
    assert edited.status is ApprovalStatus.APPROVED
    answer = await world.answer()
    assert (answer.outcome, world.effects) == (Outcome.DONE, ["fire safer"])


async def test_a_hanging_read_is_cut(world: World) -> None:
    """A tool that takes longer than its time limit is cut, and the agent is told."""
    answer = await world.answer(Call("c1", "counter_look", {"seconds": 30.0}))
    assert (answer.outcome, "cut after 1 s" in answer.text) == (Outcome.FAILED, True)


@pytest.mark.parametrize("args", [{}, {"what": 1}, {"what": "x", "approved": True}, {"what": "x", "seconds": "1"}])
async def test_wrong_arguments_are_refused(world: World, args: dict[str, object]) -> None:
    """Arguments are taken strictly: none missing, none unknown, none of another type."""
    answer = await world.answer(Call("c1", "counter_fire", args))
    assert (answer.outcome, world.effects) == (Outcome.INVALID, [])


async def test_no_tool_runs_without_the_gate(world: World) -> None:
    """A direct call of a declared method is refused, whatever it is."""
    with pytest.raises(PermissionError):
        await world.counter.look()
    with pytest.raises(PermissionError):
        await world.counter.fire(what="x")
    assert world.effects == []
