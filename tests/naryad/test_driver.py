"""Runs in the background: started, a few at once, cancelled wherever they are, taken up after a restart."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from naryad import driver as driving
from naryad import runs as running
from naryad.db.models.gate import ApprovalStatus, EffectStatus
from naryad.driver import Driver
from naryad.events import EventType
from naryad.gate import policy
from naryad.gate.approvals import Verdict
from naryad.i18n import language, speaking
from tests.naryad.crew import PRINCIPAL, Crew, open_crew
from tests.naryad.test_runs import ANNA, FIRE, finished, look

Hire = Callable[..., Any]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}"


@pytest.fixture
async def hire(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hire]:
    """Open crews with drivers on the same database, as separate processes would."""
    from naryad.db import migrate
    from naryad.db.session import Database

    monkeypatch.setattr(driving, "TRY_S", 0.05)
    monkeypatch.setattr(driving, "LOOK_S", 0.1)
    database = Database(url)
    await migrate.upgrade(database)
    await database.close()
    (tmp_path / "policy.yaml").write_text(policy.DEFAULT.read_text())
    async with AsyncExitStack() as stack:

        async def another(most: int = 4) -> tuple[Crew, Driver]:
            crew = await stack.enter_async_context(open_crew(url, tmp_path))
            driver = Driver(crew.runs, most=most)
            stack.push_async_callback(driver.close)
            return crew, driver

        yield another


async def submit(driver: Driver, *calls: list[Any], thread: str = "t") -> str:
    return await driver.submit(thread, "ops", PRINCIPAL, {"calls": list(calls)})


async def ended(crew: Crew, times: int = 1, thread: str = "t") -> None:
    async with asyncio.timeout(90):
        while await finished(crew, thread) < times:
            await asyncio.sleep(0.02)


async def asked(crew: Crew) -> str:
    async with asyncio.timeout(90):
        while not await crew.events.last("t", EventType.RUN_WAITING):
            await asyncio.sleep(0.02)
    [approval] = await crew.gate.approvals.listed()
    return approval.id


async def outcomes(crew: Crew, thread: str = "t") -> list[str]:
    told = await crew.events.since(thread, kinds=[EventType.RUN_FINISHED])
    return [event.data["outcome"] for event in told]


async def test_what_is_submitted_runs_without_anybody_waiting(hire: Hire) -> None:
    """In order, also what comes while it runs; a decision lets it go on when it is told."""
    crew, driver = await hire()
    for _ in range(3):
        await submit(driver, look(0.05))
    await ended(crew, 3)
    await submit(driver, FIRE)
    approval = await asked(crew)
    await crew.gate.approvals.decide(approval, ANNA, Verdict.APPROVE)
    driver.start("t", "ops")
    await ended(crew, 4)
    assert len(crew.counter.effects) == 1


async def test_it_speaks_as_who_asked_and_not_as_who_decided(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was submitted in English runs in English; what somebody English lets go on speaks as the install does."""
    crew, driver = await hire()
    attempt, spoken = crew.runs.attempt, list[str]()

    async def heard(thread_id: str) -> Any:
        spoken.append(language())
        return await attempt(thread_id)

    monkeypatch.setattr(crew.runs, "attempt", heard)
    with speaking("en"):
        await submit(driver, FIRE)
        approval = await asked(crew)
        await crew.gate.approvals.decide(approval, ANNA, Verdict.APPROVE)
        driver.start("t", "ops")
    await ended(crew)
    assert (spoken[0], set(spoken[1:])) == ("en", {"ru"})


async def test_only_so_many_run_at_once(hire: Hire) -> None:
    """Two slots: of six runs never more than two are amid a call."""
    crew, driver = await hire(2)
    for n in range(6):
        await submit(driver, look(0.1), thread=f"t{n}")
    for n in range(6):
        await ended(crew, thread=f"t{n}")
    moments = []
    for n in range(6):
        for event in await crew.events.since(f"t{n}"):
            if event.type in (EventType.TOOL_STARTED, EventType.TOOL_FINISHED):
                moments.append((event.at, 1 if event.type is EventType.TOOL_STARTED else -1))
    amid = [sum(step for _at, step in sorted(moments)[: k + 1]) for k in range(len(moments))]
    assert max(amid) <= 2


async def test_a_running_run_is_cancelled_with_what_it_began(hire: Hire) -> None:
    """Its effect's outcome is unknown, the queue behind it forgotten, and later input runs."""
    crew, driver = await hire()
    first = await submit(driver, ["counter_fire", {"what": "x", "seconds": 20.0}])
    approval = await asked(crew)
    await crew.gate.approvals.decide(approval, ANNA, Verdict.APPROVE)
    driver.start("t", "ops")
    while not crew.counter.effects:
        await asyncio.sleep(0.02)
    second = await submit(driver, look())
    await driver.cancel("t", "local:anna")
    told = await crew.events.since("t", kinds=[EventType.RUN_FINISHED])
    assert {event.data["input"]: event.data["outcome"] for event in told} == {first: "cancelled", second: "cancelled"}
    assert next(e.data["unknown"] for e in told if e.data["input"] == first) == ["counter_fire"]
    assert [effect.status for effect in await crew.gate.effects("t")] == [EffectStatus.UNKNOWN]
    await submit(driver, look())
    await ended(crew, 3)
    assert (await outcomes(crew))[-1] == "reported"
    assert len(crew.counter.effects) == 1


async def test_a_question_is_withdrawn_with_its_run(hire: Hire) -> None:
    """Nobody can decide it any more."""
    crew, driver = await hire()
    await submit(driver, FIRE)
    approval = await asked(crew)
    await driver.cancel("t", "local:anna")
    assert (await crew.gate.approvals.get(approval)).status is ApprovalStatus.WITHDRAWN
    await submit(driver, look())
    await ended(crew, 2)
    assert (await outcomes(crew), crew.counter.effects) == (["cancelled", "reported"], [])


async def test_a_run_that_waits_for_a_slot_is_cancelled_at_once(hire: Hire) -> None:
    """Without waiting for the slot."""
    crew, driver = await hire(1)
    await submit(driver, look(0.9), thread="long")
    await submit(driver, look())
    await driver.cancel("t", "local:anna")
    assert await finished(crew, "long") == 0
    assert await outcomes(crew) == ["cancelled"]
    await ended(crew, thread="long")


async def test_a_run_of_another_process_is_cancelled(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs it notices at its next heartbeat."""
    from datetime import timedelta

    monkeypatch.setattr("naryad.owner.LEASE", timedelta(seconds=1.5))
    monkeypatch.setattr(running, "LEASE", timedelta(seconds=1.5))
    (crew, driver), (_other, far) = await hire(), await hire()
    await submit(driver, *[look(0.9)] * 2)
    while not await crew.events.last("t", EventType.TOOL_STARTED):
        await asyncio.sleep(0.02)
    async with asyncio.timeout(90):
        await far.cancel("t", "local:boris")
    assert await outcomes(crew) == ["cancelled"]
    await submit(far, look())
    await ended(crew, 2)


async def test_a_restart_takes_up_what_was_left(hire: Hire) -> None:
    """A run that was stopped amid a step goes on in the next process, and its words are withdrawn first."""
    crew, driver = await hire()
    await submit(driver, look(0.9))
    while not await crew.events.last("t", EventType.TOOL_STARTED):
        await asyncio.sleep(0.02)
    await crew.events.append("t", EventType.TOKEN, text="half a wo", attempt=1)
    await driver.close()
    assert await finished(crew) == 0
    again, next_driver = await hire()
    looking = asyncio.create_task(next_driver.run())
    await ended(again)
    looking.cancel()
    kinds = [event.type for event in await again.events.since("t")]
    assert kinds.index(EventType.RESET) == kinds.index(EventType.TOKEN) + 1
    assert kinds.count(EventType.RUN_FINISHED) == 1


async def test_two_processes_run_each_thread_once(hire: Hire) -> None:
    """Both look for work at once; each input is run by one of them."""
    (crew, first), (other, second) = await hire(), await hire()
    for n in range(8):
        await crew.runs.enqueue(f"t{n}", "ops", PRINCIPAL, {"calls": [look(0.05)]})
    looking = [asyncio.create_task(driver.run()) for driver in (first, second)]
    for n in range(8):
        await ended(crew, thread=f"t{n}")
    for task in looking:
        task.cancel()
    for n in range(8):
        kinds = [event.type for event in await other.events.since(f"t{n}")]
        assert kinds.count(EventType.TOOL_STARTED) == kinds.count(EventType.RUN_FINISHED) == 1


async def test_a_broken_run_rests_longer_each_time(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, at doubling intervals, and does not keep others waiting."""
    crew, driver = await hire(1)

    async def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(crew.runs._graphs["ops"], "ainvoke", broken)
    await submit(driver, look())
    looking = asyncio.create_task(driver.run())
    lengths: set[float] = set()
    async with asyncio.timeout(90):
        while len(lengths) < 4:
            await asyncio.sleep(0.02)
            lengths |= {rest.length for rest in driver._rests.values()}
    looking.cancel()
    assert [round(length, 3) for length in sorted(lengths)] == [0.1, 0.2, 0.4, 0.8]
    monkeypatch.undo()
    await submit(driver, look(), thread="other")
    await ended(crew, thread="other")
