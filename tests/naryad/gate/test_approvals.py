"""People's decisions: who may, how many must, until when."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import update

from naryad.auth import Person, Role
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.errors import NotFound, Refused
from naryad.events import EventType
from naryad.gate.answer import Call, Caller, Outcome
from naryad.gate.approvals import Verdict
from tests.naryad.gate.conftest import ANNA, BORIS, GUEST, OPS, Build, World, fire

CLARA = Person("local:clara", frozenset({Role.OPERATOR}))


def asking(world: World, ask: str) -> None:
    """Let the policy ask in another way."""
    world.policy.write_text(f"version: 1\nrules:\n  - name: people\n    action: ask\n    ask: {{{ask}}}\n")


async def past_its_time(world: World, approval: Approval) -> None:
    """Let an approval's time run out."""
    async with world.database.write() as session:
        await session.exec(update(Approval).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))


async def test_four_eyes_bar_the_one_who_asked(world: World) -> None:
    """The person for whom the agent acts cannot approve or edit; another can."""
    asking(world, "four_eyes: true")
    asked = await world.ask()
    with pytest.raises(Refused):
        await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    with pytest.raises(Refused):
        await world.gate.edit(asked.id, {"what": "y"}, ANNA)
    await world.gate.approvals.decide(asked.id, BORIS, Verdict.APPROVE)
    assert (await world.answer()).ok


@pytest.mark.parametrize(
    ("principal", "people"),
    [
        ("mail:anna@example.ru", 2),
        ("phone:+79990000000", 2),
        ("system:reported:mail:anna@example.ru", 2),
        ("system:alerts", 1),
        ("monitor:lab", 1),
        ("account:guest", 1),
        ("system:reported:account:guest", 1),
    ],
)
async def test_whoever_asks_by_letter_is_not_the_second_pair_of_eyes(world: World, principal: str, people: int) -> None:
    """An address or a number could be the decider's own: then two must say yes, also to what one of them edited."""
    asking(world, "four_eyes: true")
    caller = Caller("ops", "thread-1", principal)
    asked = await world.ask(caller=caller)
    edited = await world.gate.edit(asked.id, {"what": "y"}, ANNA)
    assert (edited.quorum, edited.status) == (people, ApprovalStatus.PENDING if people > 1 else ApprovalStatus.APPROVED)
    if people > 1:
        assert (await world.ask(caller=caller)).id == edited.id
        await world.gate.approvals.decide(edited.id, CLARA, Verdict.APPROVE)
    assert (await world.answer(caller=caller)).ok
    assert world.effects == ["fire y"]


async def test_a_quorum_needs_as_many_people(world: World) -> None:
    """Two must say yes; the same one twice is one, and the first yes alone runs nothing."""
    asking(world, "quorum: 2")
    asked = await world.ask()
    first = await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    assert first.status is ApprovalStatus.PENDING
    with pytest.raises(Refused):
        await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    assert (await world.ask()).id == asked.id
    second = await world.gate.approvals.decide(asked.id, CLARA, Verdict.APPROVE)
    assert second.status is ApprovalStatus.APPROVED
    assert (await world.answer()).ok
    assert world.effects == ["fire x"]


async def test_one_no_outweighs_a_quorum_in_the_making(world: World) -> None:
    """A single rejection ends the question."""
    asking(world, "quorum: 2")
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    await world.gate.approvals.decide(asked.id, CLARA, Verdict.REJECT)
    assert (await world.answer()).outcome is Outcome.REJECTED


async def test_an_edit_starts_the_count_anew(world: World) -> None:
    """Those who agreed to the old arguments have not agreed to the new ones."""
    asking(world, "quorum: 2")
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    edited = await world.gate.edit(asked.id, {"what": "y"}, BORIS)
    assert edited.status is ApprovalStatus.PENDING
    await world.gate.approvals.decide(edited.id, ANNA, Verdict.APPROVE)
    await world.answer()
    assert world.effects == ["fire y"]


async def test_a_status_without_its_quorum_runs_nothing(world: World) -> None:
    """Even a row that somebody set to approved in the database lacks the decisions, and is closed."""
    asked = await world.ask()
    async with world.database.write() as session:
        await session.exec(update(Approval).values(status=ApprovalStatus.APPROVED))
    assert (await world.answer()).outcome is Outcome.REJECTED
    assert (await world.gate.approvals.get(asked.id)).status is ApprovalStatus.EXPIRED
    assert world.effects == []


@pytest.mark.parametrize("decided", [False, True])
async def test_silence_is_a_no(world: World, decided: bool) -> None:
    """A question that nobody answered in time is rejected; so is a yes that nobody used in time."""
    asked = await (world.approved() if decided else world.ask())
    await past_its_time(world, asked)
    if not decided:
        with pytest.raises(Refused):
            await world.gate.approvals.decide(asked.id, BORIS, Verdict.APPROVE)
    answer = await world.answer()
    assert (answer.outcome, "in time" in answer.text, world.effects) == (Outcome.REJECTED, True, [])
    assert (await world.audited())[-1] != "effect.started"
    assert "approval.expired" in await world.audited()


async def test_the_list_shows_only_what_can_be_decided(world: World) -> None:
    """What ran out of time leaves the list of open questions by itself, and its watchers are told."""
    asked = await world.ask()
    await world.ask(fire("x", "c2"), Caller("ops", "thread-2", "local:anna"))
    assert len(await world.gate.approvals.listed(thread_id="thread-1")) == 1
    await past_its_time(world, asked)
    assert await world.gate.approvals.listed() == []
    assert {row.status for row in await world.gate.approvals.listed(None)} == {ApprovalStatus.EXPIRED}
    assert [event.type for event in await world.events.since("thread-1")][-1] is EventType.APPROVAL_DECIDED


async def test_people_deciding_at_once_are_each_heard_once(build: Build) -> None:
    """Twenty decisions of four people in two processes: one word each, and one outcome."""
    worlds = [build(), build()]
    asking(worlds[0], "quorum: 3")
    asked = await worlds[0].ask()
    people = [ANNA, BORIS, CLARA, Person("local:dina", frozenset({Role.ADMIN}))]
    words = [worlds[n % 2].gate.approvals.decide(asked.id, people[n % 4], Verdict.APPROVE) for n in range(20)]
    ended = await asyncio.gather(*words, return_exceptions=True)
    heard = [end for end in ended if isinstance(end, Approval)]
    assert (len(heard), {type(end) for end in ended}) == (3, {Approval, Refused})
    assert len(await worlds[0].gate.approvals.decisions(asked.id)) == 3
    assert (await worlds[0].gate.approvals.get(asked.id)).status is ApprovalStatus.APPROVED


async def test_a_yes_and_a_no_at_once_do_not_both_count(build: Build) -> None:
    """Of an approval and a rejection at the same moment the first one stands."""
    worlds = [build(), build()]
    for n in range(10):
        asked = await worlds[0].ask(fire("x", f"c{n}"))
        await asyncio.gather(
            worlds[0].gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE),
            worlds[1].gate.approvals.decide(asked.id, BORIS, Verdict.REJECT),
            return_exceptions=True,
        )
        answer = await worlds[n % 2].answer(fire("x", f"c{n}"))
        [said] = await worlds[0].gate.approvals.decisions(asked.id)
        assert answer.outcome is (Outcome.DONE if said.verdict == Verdict.APPROVE else Outcome.REJECTED)


async def test_an_approval_is_found_by_the_end_of_its_id(world: World) -> None:
    """A person types a few characters; what is too short or fits two is refused."""
    asked = await world.ask()
    assert (await world.gate.approvals.get(asked.id[-6:])).id == asked.id
    await world.ask(fire("y", "c2"))
    for vague in (asked.id[:4], "", "%", asked.id[-3:]):
        with pytest.raises(NotFound):
            await world.gate.approvals.get(vague)


async def test_the_question_shows_where_arguments_came_from(world: World) -> None:
    """The approval keeps the untrusted sources of the arguments, and after an edit its editor."""
    call = Call("c1", "counter_fire", {"what": "x"}, {"what": "log of web-1"})
    asked = await world.ask(call)
    assert asked.provenance == {"what": "log of web-1"}
    edited = await world.gate.edit(asked.id, {"what": "y"}, BORIS)
    assert (edited.provenance, edited.edited_by) == ({"what": "local:boris"}, "local:boris")


async def test_an_edit_cannot_pass_the_policy(world: World) -> None:
    """What the policy denies an editor cannot ask for either."""
    asked = await world.ask()
    world.policy.write_text(
        world.policy.read_text().replace(
            "rules:\n", "rules:\n  - {name: never, action: deny, args: {what: 'prod.*'}}\n"
        )
    )
    with pytest.raises(Refused):
        await world.gate.edit(asked.id, {"what": "prod-db"}, ANNA)
    assert (await world.gate.approvals.get(asked.id)).status is ApprovalStatus.PENDING


async def test_a_guest_is_refused_and_noted(world: World) -> None:
    """Who may not decide leaves a line in the audit, and the question stays open."""
    asked = await world.ask()
    with pytest.raises(Refused):
        await world.gate.approvals.decide(asked.id, GUEST, Verdict.REJECT)
    assert (await world.audited())[-1] == "approval.refused"
    assert not isinstance(await world.gate.advance(fire(), OPS), Outcome)
    assert (await world.ask()).status is ApprovalStatus.PENDING
