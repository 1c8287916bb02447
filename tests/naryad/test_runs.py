"""Runs: one at a time, input in order, nothing lost."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select, update

from naryad.auth import Person, Role
from naryad.db.models.gate import Approval
from naryad.db.models.thread import QueuedInput, Thread
from naryad.errors import NotFound, Refused
from naryad.events import EventType
from naryad.gate import policy
from naryad.gate.approvals import Verdict
from naryad.owner import LEASE
from naryad.runs import RunState
from tests.naryad.crew import PRINCIPAL, Crew, open_crew
from tests.naryad.gate.cutting import Cut

ANNA = Person("local:anna", frozenset({Role.OPERATOR}))
ROOT = Path(__file__).parents[2]
FIRE = ["counter_fire", {"what": "x"}]
Hire = Callable[[], Any]


def look(seconds: float = 0) -> list[Any]:
    return ["counter_look", {"seconds": seconds}]


@pytest.fixture
async def hire(url: str, tmp_path: Path) -> AsyncIterator[Hire]:
    """Open crews on the same database, as separate processes would."""
    (tmp_path / "policy.yaml").write_text(policy.DEFAULT.read_text())
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(open_crew(url, tmp_path))


@pytest.fixture
async def crew(hire: Hire) -> Crew:
    opened: Crew = await hire()
    return opened


async def approve(crew: Crew, state: RunState) -> None:
    for approval_id in state.waiting_for:
        await crew.gate.approvals.decide(approval_id, ANNA, Verdict.APPROVE)


async def count(crew: Crew, model: Any) -> int:
    async with crew.database.read() as session:
        return len((await session.exec(select(model))).all())


async def finished(crew: Crew, thread: str = "t") -> int:
    return [event.type for event in await crew.events.since(thread)].count(EventType.RUN_FINISHED)


async def test_a_run_goes_to_its_end(crew: Crew) -> None:
    """What needs nobody is done at once, and its watchers are told."""
    state = await crew.start(look(), look())
    assert (state.waiting_for, state.values["outcome"], len(state.values["answers"])) == ((), "reported", 2)
    assert (await finished(crew), await count(crew, QueuedInput)) == (1, 0)


async def test_a_run_waits_for_every_question_and_takes_the_answers_as_they_come(crew: Crew) -> None:
    """Two calls ask; one answered runs, the other goes on waiting."""
    state = await crew.start(FIRE, ["counter_fire", {"what": "y"}])
    first, second = state.waiting_for
    await crew.gate.approvals.decide(second, ANNA, Verdict.APPROVE)
    state = await crew.runs.drive("t")
    assert (state.waiting_for, len(crew.counter.effects)) == ((first,), 1)
    await crew.gate.approvals.decide(first, ANNA, Verdict.REJECT)
    state = await crew.runs.drive("t")
    assert state.waiting_for == ()
    assert sorted(answer[1] for answer in state.values["answers"]) == ["done", "rejected"]
    assert len(crew.counter.effects) == 1


async def test_input_is_taken_in_order_one_run_at_a_time(hire: Hire) -> None:
    """Ten inputs at once from two processes: whoever is turned away need not come again."""
    crews = [await hire(), await hire()]
    inputs = [crews[n % 2].start(look(0.05)) for n in range(10)]
    ended = await asyncio.gather(*inputs, return_exceptions=True)
    assert {type(end) for end in ended} <= {RunState, Refused}
    state = await crews[0].runs.drive("t")
    called = [answer[0] for answer in state.values["answers"]]
    assert (len(called), called) == (10, sorted(called))
    assert (await finished(crews[0]), await count(crews[0], QueuedInput)) == (10, 0)
    # One at a time: no call started before the one before it had finished.
    types = [event.type for event in await crews[0].events.since("t") if event.type is not EventType.INPUT]
    assert types == [EventType.TOOL_STARTED, EventType.TOOL_FINISHED, EventType.RUN_FINISHED] * 10


async def test_input_during_a_question_waits_and_replaces_nothing(crew: Crew) -> None:
    """What is said while people decide is queued; the question stays, and both are done in order."""
    asked = await crew.start(FIRE)
    later = await crew.start(look())
    assert later.waiting_for == asked.waiting_for
    assert (await count(crew, QueuedInput), await count(crew, Approval)) == (2, 1)
    await approve(crew, asked)
    state = await crew.runs.drive("t")
    assert [answer[1] for answer in state.values["answers"]] == ["done", "done"]
    assert (len(crew.counter.effects), await finished(crew), await count(crew, QueuedInput)) == (1, 2, 0)


@pytest.mark.parametrize("what", ["a decision", "an input"])
async def test_what_comes_while_a_run_pauses_is_not_lost(
    hire: Hire, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It is turned away, because the thread is still held; the one who held it looks again after letting go."""
    crew, other = await hire(), await hire()
    turned_away = asyncio.Event()
    release = crew.runs._change

    async def slow_release(thread_id: str, **values: Any) -> None:
        if "owner" in values and not turned_away.is_set():
            if what == "a decision":
                [asked] = await other.gate.approvals.listed()
                await other.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
                with pytest.raises(Refused):
                    await other.runs.drive("t")
            else:
                with pytest.raises(Refused):
                    await other.start(look())
            turned_away.set()
        await release(thread_id, **values)

    monkeypatch.setattr(crew.runs, "_change", slow_release)
    state = await crew.start(FIRE if what == "a decision" else look())
    assert (state.waiting_for, turned_away.is_set()) == ((), True)
    assert [answer[1] for answer in state.values["answers"]] == ["done"] * (1 if what == "a decision" else 2)
    assert await count(crew, QueuedInput) == 0


async def test_silence_ends_the_run(crew: Crew) -> None:
    """A question that ran out of time is a no, and the run goes on with that."""
    await crew.start(FIRE)
    async with crew.database.write() as session:
        await session.exec(update(Approval).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    state = await crew.runs.drive("t")
    assert [answer[1] for answer in state.values["answers"]] == ["rejected"]
    assert crew.counter.effects == []


async def test_a_changed_world_asks_again_in_the_same_run(crew: Crew) -> None:
    """A stale yes pauses the run once more, for the new question."""
    state = await crew.start(FIRE)
    crew.counter.set_state("changed")
    await approve(crew, state)
    again = await crew.runs.drive("t")
    assert len(again.waiting_for) == 1
    assert again.waiting_for != state.waiting_for
    await approve(crew, again)
    done = await crew.runs.drive("t")
    assert ([answer[1] for answer in done.values["answers"]], len(crew.counter.effects)) == (["done"], 1)


async def test_threads_do_not_wait_for_each_other(crew: Crew) -> None:
    """Twenty threads at once, each with its own question and its own effect."""
    states = await asyncio.gather(*(crew.start(FIRE, thread=f"t{n}") for n in range(20)))
    await asyncio.gather(*(approve(crew, state) for state in states))
    done = await asyncio.gather(*(crew.runs.drive(f"t{n}") for n in range(20)))
    assert {state.values["answers"][0][1] for state in done} == {"done"}
    assert len(crew.counter.effects) == 20


async def test_whose_thread_it_is_does_not_change(crew: Crew) -> None:
    """An unknown agent or thread is not found; a thread stays with its agent."""
    with pytest.raises(NotFound):
        await crew.runs.submit("t", "nobody", PRINCIPAL, {})
    with pytest.raises(NotFound):
        await crew.runs.drive("t")
    async with crew.database.write() as session:
        session.add(Thread(id="t", agent="sales", principal=PRINCIPAL))
    with pytest.raises(Refused):
        await crew.start(look())
    assert await count(crew, QueuedInput) == 0


async def test_the_first_input_of_a_thread_may_come_twice_at_once(hire: Hire) -> None:
    """Two processes that open the same thread at the same moment open one."""
    crews = [await hire(), await hire()]
    await asyncio.gather(*(crew.start(look()) for crew in crews), return_exceptions=True)
    state = await crews[0].runs.drive("t")
    assert (len(state.values["answers"]), await count(crews[0], Thread)) == (2, 1)


@pytest.mark.parametrize(("seconds", "free"), [(1, False), (-1, True)])
async def test_another_hosts_thread_is_left_to_it_for_its_lease(crew: Crew, seconds: int, free: bool) -> None:
    """A process that cannot be seen keeps its thread until the lease lapses."""
    await crew.start(FIRE)
    async with crew.database.write() as session:
        until = datetime.now(UTC) + LEASE * seconds
        await session.exec(update(Thread).values(owner="elsewhere~1~2/17/99#x", lease_until=until))
    assert [thread.id for thread in await crew.runs.unfinished()] == (["t"] if free else [])
    if free:
        assert (await crew.runs.drive("t")).waiting_for
    else:
        with pytest.raises(Refused):
            await crew.runs.drive("t")


@pytest.mark.slow
async def test_a_thread_is_held_by_a_living_process_and_free_after_it(hire: Hire, url: str, tmp_path: Path) -> None:
    """While the other process lives its thread is refused; when it is killed the run is taken up, once."""
    crew: Crew = await hire()
    state = await crew.start(["counter_fire", {"what": "x", "seconds": 4.0}])
    await approve(crew, state)
    script = (
        "import asyncio, sys; from pathlib import Path; from tests.naryad.crew import open_crew\n"
        "async def main():\n"
        "    async with open_crew(sys.argv[1], Path(sys.argv[2])) as crew: await crew.runs.drive('t')\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", script, url, str(tmp_path)]
    child = await asyncio.to_thread(lambda: subprocess.Popen(command, cwd=ROOT))
    while not crew.counter.effects:
        await asyncio.sleep(0.05)
    assert await crew.runs.unfinished() == []
    with pytest.raises(Refused):
        await crew.runs.drive("t")
    child.kill()
    await asyncio.to_thread(child.wait)
    assert [thread.id for thread in await crew.runs.unfinished()] == ["t"]
    state = await crew.runs.drive("t")
    assert ([answer[1] for answer in state.values["answers"]], len(crew.counter.effects)) == (["done"], 1)


@pytest.mark.slow
async def test_a_run_cancelled_anywhere_is_taken_up_by_another_process(hire: Hire) -> None:
    """Wherever a run is cancelled the thread is free at once, nothing is lost, and the effect happens once."""
    crew, other = await hire(), await hire()
    k = 0
    while True:
        k += 1
        thread = f"t{k}"
        await approve(crew, await crew.start(["counter_fire", {"what": thread}], thread=thread))
        cut = Cut(k)
        await cut.run(crew.runs.drive(thread))
        async with asyncio.timeout(90):
            state = await other.runs.drive(thread)
        assert state.values["outcome"] == "reported", k
        times = sum(line.endswith(f" {thread}") for line in crew.counter.effects)
        assert ([answer[1] for answer in state.values["answers"]], times) in [(["done"], 1), (["failed"], 0)], k
        assert await finished(crew, thread) == 1, k
        if not cut.reached:
            break
    assert k > 20
    assert await count(crew, QueuedInput) == 0
