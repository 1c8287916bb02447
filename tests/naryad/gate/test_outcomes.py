"""What the gate reports, when all goes well and when it does not: never more, and never less, than what is known."""

import asyncio
import json
from typing import Any

import pytest

from naryad.db.models.gate import EffectStatus
from naryad.errors import ToolFailed
from naryad.events import EventType
from naryad.gate.answer import Answer, Call, Outcome
from naryad.tooling import Settled
from tests.naryad.gate.conftest import OPS, Build, World
from tests.naryad.gate.odd import BEYOND_JSON, OddTools


@pytest.fixture
def odd() -> OddTools:
    return OddTools()


@pytest.fixture
async def world(build: Build, odd: OddTools) -> World:
    return build(odd)


def act(how: str) -> Call:
    return Call("c1", "odd_act", {"how": how})


async def run(world: World, how: str) -> Answer:
    """Ask, approve, and run; the answer must be the same a second time."""
    await world.approved(act(how))
    first, second = await world.answer(act(how)), await world.answer(act(how))
    assert (first.outcome, first.text, first.data) == (second.outcome, second.text, second.data)
    [effect] = [effect for effect in await world.gate.effects("thread-1") if effect.call_id == "c1"]
    assert effect.status is not EffectStatus.STARTED
    assert (await world.gate.audit.verify()).problem == ""
    return first


@pytest.mark.parametrize(
    ("how", "outcome", "words"),
    [
        ("well", Outcome.DONE, "well"),
        ("refused", Outcome.FAILED, "the system said no"),
        ("lost", Outcome.DONE, "it did take effect"),
        ("lost before", Outcome.FAILED, "the connection broke early The system says that it never took effect"),
        ("hangs", Outcome.DONE, "it did take effect"),
        ("hangs before", Outcome.FAILED, "cut after 0.2 s"),
        ("bug", Outcome.UNKNOWN, "ZeroDivisionError"),
    ],
)
async def test_the_outcome_is_what_is_known(
    world: World, odd: OddTools, how: str, outcome: Outcome, words: str
) -> None:
    """A lost or cut call is asked after; a bug is reported as unknown; nothing runs twice."""
    answer = await run(world, how)
    assert (answer.outcome, words in answer.text) == (outcome, True), answer.text
    assert len(odd.done) == (0 if how in ("refused", "lost before", "hangs before") else 1)


@pytest.mark.parametrize("how", ["lost", "hangs"])
@pytest.mark.parametrize("reply", [Settled.UNKNOWN, ToolFailed("unreachable"), RuntimeError("a bug")])
async def test_what_cannot_be_found_out_is_unknown(world: World, odd: OddTools, how: str, reply: Any) -> None:
    """When the system cannot say what became of a call, the answer says so, and nothing is tried again."""
    odd.companions["reconcile"] = raising(reply)
    answer = await run(world, how)
    assert (answer.outcome, "not known" in answer.text) == (Outcome.UNKNOWN, True)
    assert len(odd.done) == 1


@pytest.mark.parametrize("companion", ["preview", "precondition"])
@pytest.mark.parametrize("failure", [ToolFailed("unreachable"), RuntimeError("a bug")])
async def test_what_cannot_be_previewed_is_not_asked(
    world: World, odd: OddTools, companion: str, failure: Exception
) -> None:
    """People are not asked about a call whose consequences cannot be computed, and the agent goes on."""
    odd.companions[companion] = raising(failure)
    answer = await world.answer(act("well"))
    assert (answer.outcome, odd.done) == (Outcome.INVALID, [])
    assert await world.gate.approvals.listed() == []


async def test_a_repair_that_does_not_help_is_undone_once(world: World, odd: OddTools) -> None:
    """After a failed check the tool's rollback runs, under the same approval, and never again."""
    odd.companions["verify"] = lambda: False
    answer = await run(world, "well")
    assert (answer.outcome, "undone" in answer.text) == (Outcome.ROLLED_BACK, True)
    again = [await world.gate.rollback(act("well"), OPS) for _ in range(3)]
    assert [done.outcome for done in again] == [Outcome.DONE] * 3
    assert [line.partition(" ")[2] for line in odd.done] == ["act well", "undo well"]


async def test_a_rollback_on_request_happens_once(world: World, odd: OddTools) -> None:
    """However many ask at once, the effect is undone once, and all get the same answer."""
    await run(world, "well")
    answers = await asyncio.gather(*(world.gate.rollback(act("well"), OPS) for _ in range(10)))
    assert {answer.outcome for answer in answers} == {Outcome.DONE}
    assert [line.partition(" ")[2] for line in odd.done] == ["act well", "undo well"]


@pytest.mark.parametrize(
    ("companion", "failure", "outcome", "words"),
    [
        ("verify", ToolFailed("unreachable"), Outcome.FAILED, "could not be checked"),
        ("verify", RuntimeError("a bug"), Outcome.FAILED, "could not be checked"),
        ("rollback", ToolFailed("unreachable"), Outcome.FAILED, "rolling it back did not succeed"),
        ("rollback", RuntimeError("a bug"), Outcome.FAILED, "rolling it back did not succeed"),
    ],
)
async def test_a_check_or_a_rollback_that_fails_is_told(
    world: World, odd: OddTools, companion: str, failure: Exception, outcome: Outcome, words: str
) -> None:
    """The answer says that the call ran, and what could not be done after it."""
    odd.companions["verify"] = lambda: False
    odd.companions[companion] = raising(failure)
    answer = await run(world, "well")
    assert (answer.outcome, words in answer.text) == (outcome, True), answer.text
    assert answer.data == "well"


@pytest.mark.parametrize("how", sorted(BEYOND_JSON))
async def test_any_result_can_be_told(world: World, odd: OddTools, how: str) -> None:
    """A result that is no JSON, or that a database refuses, is told as text: the effect has happened after all."""
    answer = await run(world, how)
    assert (answer.outcome, len(odd.done)) == (Outcome.DONE, 1)
    looked = await world.answer(Call("r", "odd_tell", {"how": how}))
    assert (looked.outcome, looked.text) == (Outcome.DONE, answer.text)


async def test_a_looks_own_bug_does_not_end_the_run(world: World) -> None:
    """A read tool that breaks is a failed answer."""
    answer = await world.answer(Call("r", "odd_tell", {"how": "unheard of"}))
    assert (answer.outcome, answer.text) == (Outcome.FAILED, "odd_tell broke (KeyError).")


async def pages(world: World, answer: Answer) -> str:
    """Everything that was left out of an answer, read through its handle."""
    handle = answer.text.partition("output_read(handle='")[2].partition("'")[0]
    text, number = "", 0
    while True:
        number += 1
        page = await world.answer(Call(f"page-{number}", "output_read", {"handle": handle, "offset": len(text)}))
        assert page.ok
        more = page.text.partition(":\n")[2]
        if not more:
            return text
        text += more


@pytest.mark.parametrize(("call", "whole"), [("say", "ab" * 10_000), ("long", "y" * 5_000), ("endless", None)])
async def test_a_long_answer_is_cut_and_can_be_read_on(world: World, call: str, whole: str | None) -> None:
    """The model gets the beginning and the end, within the tool's budget, and a handle to all of it."""
    if call == "say":
        answer = await world.answer(Call("s", "odd_say", {"what": "ab", "times": 10_000}))
    else:
        answer = await run(world, call)
    assert (answer.outcome, len(answer.text) <= 1_000) == (Outcome.DONE, True)
    read = await pages(world, answer)
    assert read == (whole or json.dumps({"ok": True, "lines": ["z" * 100] * 1_000}))


async def test_a_result_too_big_to_keep_is_no_data(world: World) -> None:
    """Code gets whole data or none, never a part that looks like all of it."""
    assert (await run(world, "endless")).data is None


async def test_a_handle_must_be_known(world: World) -> None:
    """A guessed handle opens nothing, and a page begins at zero or later."""
    for args in ({"handle": "0" * 24}, {"handle": ""}, {"handle": "x", "offset": -1}):
        answer = await world.answer(Call(f"p{len(str(args))}", "output_read", args))
        assert not answer.ok


SECRETS = ["password=hunter2", "Bearer abcdefghijklmnop", "sk-abcdefghijklmnopqrst", "postgresql://bot:hunter2@db/x"]


@pytest.mark.parametrize("secret", SECRETS)
async def test_secrets_do_not_leave(world: World, secret: str) -> None:
    """What looks like a secret is masked in the answer, the events and the audit."""
    answer = await world.answer(Call("s", "odd_say", {"what": f"{secret} "}))
    refused = await run(world, "refused")
    events = json.dumps([event.data for event in await world.events.since("thread-1")])
    audit = "".join(row.data_json for row in await world.gate.audit.rows(limit=1000))
    shown = secret.rpartition("=")[2].rpartition(" ")[2].replace("postgresql://bot:", "").partition("@")[0]
    for place in (answer.text, refused.text, events, audit):
        assert shown not in place
        assert "hunter2" not in place


async def test_progress_is_told_to_watchers(world: World) -> None:
    """A tool's progress lines come between its start and its end."""
    await world.answer(Call("s", "odd_say", {"what": "x"}))
    types = [event.type for event in await world.events.since("thread-1")]
    assert types == [EventType.TOOL_STARTED, EventType.STATUS, EventType.TOOL_FINISHED]


def raising(reply: Any) -> Any:
    def do() -> Any:
        if isinstance(reply, Exception):
            raise reply
        return reply

    return do
