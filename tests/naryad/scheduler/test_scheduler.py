"""The scheduler in one process: fires, misses, failures, cancelling, stopping."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import update

from naryad.clock import now
from naryad.db.models.job import Job, JobRun, RunStatus
from naryad.db.session import Database
from naryad.errors import NaryadError, NotFound, Refused
from naryad.owner import LEASE
from naryad.scheduler.scheduler import Scheduler, Work

Do = Callable[[JobRun], Awaitable[dict[str, Any]]]
FAR = 86_400


class Recorder:
    """A job that writes down each run, and does what it is told to."""

    def __init__(self, *ends: object) -> None:
        self.runs: list[JobRun] = []
        self.ends = list(ends)

    async def __call__(self, run: JobRun) -> dict[str, Any]:
        self.runs.append(run)
        end = self.ends.pop(0) if self.ends else {}
        if isinstance(end, BaseException):
            raise end
        if isinstance(end, asyncio.Event):
            await end.wait()
            return {}
        assert isinstance(end, dict)
        return end


def scheduler(database: Database, do: Do, schedule: str = f"every {FAR}", **options: Any) -> Scheduler:
    return Scheduler(database, [Work("j", schedule, do, **options)])


async def change(database: Database, **values: Any) -> None:
    async with database.write() as session:
        await session.exec(update(Job).values(**values))


async def until_idle(made: Scheduler) -> list[JobRun]:
    """The history once nothing waits or goes on."""
    async with asyncio.timeout(60):
        while (await made.journal.jobs())[0][0].run_id:
            await asyncio.sleep(0.01)
    return list(await made.journal.history("j"))


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARYAD_LANG", "en")


async def test_missed_fires_become_one(database: Database) -> None:
    """After a stop of an hour a job of every minute runs once, for the last of them, and says how many it missed."""
    did = Recorder({"rows": 3})
    made = scheduler(database, did, "every 60")
    await made.declare()
    (job, _none), *_ = await made.journal.jobs()
    await change(database, due_at=job.due_at - timedelta(hours=1))
    moment = job.due_at + timedelta(seconds=1)
    await made.tick(moment)
    (run,) = await until_idle(made)
    await made.tick(moment)
    assert (run.fire_at, run.missed, run.status, run.result) == (job.due_at, 60, RunStatus.DONE, {"rows": 3})
    assert (len(did.runs), run.attempts, run.error) == (1, 1, "")
    assert (await made.journal.jobs())[0][0].due_at == job.due_at + timedelta(minutes=1)


async def test_what_breaks_ends_nothing(database: Database) -> None:
    """An error of ours, a bug and one that takes too long are written down, and the next fire runs."""
    did = Recorder(NaryadError("no luck"), ValueError("bug"), asyncio.Event(), {"fine": True})
    made = scheduler(database, did, most=timedelta(seconds=0.2))
    for _ in range(4):
        await made.once("j", "anna")
    history = list(reversed(await made.journal.history("j")))
    assert [run.status for run in history] == [*[RunStatus.FAILED] * 3, RunStatus.DONE]
    assert [run.error for run in history] == ["no luck", "ValueError: bug", "Not done after 0.2 s.", ""]
    assert {run.by for run in history} == {"anna"}


async def test_a_job_does_not_overtake_itself(database: Database) -> None:
    """While it is at work neither its next fire nor a person begins it again; the fire has its turn after."""
    gate = asyncio.Event()
    did = Recorder(gate)
    made = scheduler(database, did)
    await made.declare()
    await change(database, due_at=now())
    await made.tick(now())
    await change(database, due_at=now())
    await made.tick(now())
    with pytest.raises(Refused):
        await made.journal.ask("j", "anna")
    assert len(did.runs) == 1
    gate.set()
    await until_idle(made)
    await made.tick(now())
    assert [run.status for run in await until_idle(made)] == [RunStatus.DONE] * 2


async def test_a_person_ends_a_long_job(database: Database) -> None:
    """Within a look of the scheduler; the journal says so, and the next run is not hurt."""
    did = Recorder(asyncio.Event(), {})
    made = scheduler(database, did)
    working = asyncio.create_task(made.run())
    async with asyncio.timeout(60):
        while not await made.journal.jobs():
            await asyncio.sleep(0.01)
        with pytest.raises(Refused):
            await made.journal.cancel("j", "anna")
        await made.journal.ask("j", "anna")
        while not did.runs:
            await asyncio.sleep(0.01)
    await made.journal.cancel("j", "boris")
    (run,) = await until_idle(made)
    assert (run.status, run.cancelled_by) == (RunStatus.CANCELLED, "boris")
    await made.journal.ask("j", "anna")
    assert [run.status for run in await until_idle(made)] == [RunStatus.DONE, RunStatus.CANCELLED]
    working.cancel()
    await asyncio.wait([working])


async def test_a_process_that_stops_leaves_its_job_to_the_next(database: Database) -> None:
    """At once, without waiting for a lease; the second attempt is told."""
    did = Recorder(asyncio.Event(), {})
    first, second = scheduler(database, did), scheduler(database, did)
    await first.declare()
    await change(database, due_at=now())
    await first.tick(now())
    async with asyncio.timeout(60):
        while not did.runs:
            await asyncio.sleep(0.01)
    await first.close()
    await second.tick(now())
    (run,) = await until_idle(second)
    assert (run.status, run.attempts, len(did.runs)) == (RunStatus.DONE, 2, 2)


async def test_another_host_is_believed_for_its_lease(database: Database) -> None:
    """A holder out of sight keeps the job until its lease runs out; then it is begun once more, and never again."""
    did = Recorder()
    made = scheduler(database, did)
    await made.declare()
    await made.journal.ask("j", "anna")

    async def held(attempts: int, lease: timedelta) -> None:
        async with database.write() as session:
            values = {"owner": "elsewhere/1/1#x", "attempts": attempts, "status": RunStatus.RUNNING}
            await session.exec(update(JobRun).values(**values, lease_until=now() + lease))

    await held(1, LEASE)
    await made.tick(now())
    assert did.runs == []
    await held(1, -timedelta(seconds=1))
    await made.tick(now())
    (run,) = await until_idle(made)
    assert (run.status, run.attempts) == (RunStatus.DONE, 2)
    await made.journal.ask("j", "anna")
    await held(2, -timedelta(seconds=1))
    await made.tick(now())
    (run, _earlier) = await until_idle(made)
    assert (run.status, len(did.runs)) == (RunStatus.LOST, 1)
    assert "ended in the middle" in run.error


async def test_a_disabled_job_rests(database: Database) -> None:
    """The schedule leaves it alone; enabled again it waits for its next fire, not for those it missed."""
    did = Recorder()
    made = scheduler(database, did)
    await made.declare()
    await made.journal.enable("j", enabled=False)
    await change(database, due_at=now() - timedelta(days=9))
    await made.declare()
    await made.tick(now())
    job = await made.journal.enable("j", enabled=True)
    await made.tick(now())
    assert (did.runs, job.due_at > now()) == ([], True)
    assert (await made.once("j", "anna")).status is RunStatus.DONE


async def test_a_new_schedule_holds_from_the_start(database: Database) -> None:
    """A job whose schedule was changed in the settings is due by the new one."""
    await scheduler(database, Recorder(), "cron 0 2 * * *").declare()
    made = scheduler(database, Recorder(), "cron 30 3 * * *", timezone="Europe/Moscow")
    await made.declare()
    ((job, run),) = await made.journal.jobs()
    assert (job.due_at.hour, job.due_at.minute, job.timezone, run) == (0, 30, "Europe/Moscow", None)


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    """Nobody can run, end, enable or look at a job that nobody declared."""
    journal = scheduler(database, Recorder()).journal
    for call in (
        journal.ask("x", "anna"), journal.cancel("x", "anna"), journal.history("x"), journal.enable("x", enabled=True),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await call
