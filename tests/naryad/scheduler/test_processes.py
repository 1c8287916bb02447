"""Schedulers in several processes: who is faster works, and who is killed is replaced."""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlmodel import col, select

from naryad.db.models.job import JobRun, RunStatus
from naryad.db.session import Database
from naryad.scheduler.journal import Journal

PROGRAM = """
import asyncio, os, sys
from naryad.db.session import Database
from naryad.scheduler import scheduler
from naryad.scheduler.scheduler import Scheduler, Work

url, file = sys.argv[1:]
scheduler.LOOK_S = 0.02

def write(*words):
    with open(file, "a") as lines:
        print(*words, os.getpid(), file=lines, flush=True)

async def job(run):
    write("begin", run.id)
    await asyncio.sleep(0.3)
    write("end", run.id)
    return {}

asyncio.run(Scheduler(Database(url), [Work("j", "every 1", job)]).run())
"""
FIRES = 20


async def start(url: str, file: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, url, str(file))


async def ended(database: Database) -> list[JobRun]:
    query = select(JobRun).where(col(JobRun.finished_at).is_not(None)).order_by(col(JobRun.fire_at))
    return list(await database.look(lambda session: session.exec(query).all()))


def lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.slow
async def test_twenty_fires_and_kills(url: str, database: Database, tmp_path: Path) -> None:
    """Two processes, one of them killed again and again: each fire runs once, or once more where one was killed in it.

    Never two at once: each run's end comes before the next begin, unless its process was killed.
    """
    file, killed, dice = tmp_path / "ran", set[int](), random.Random(7)
    both = [await start(url, file) for _ in range(2)]
    async with asyncio.timeout(120):
        while len(await ended(database)) < FIRES:
            await asyncio.sleep(dice.uniform(0.5, 2.5))
            if len(killed) < 6 and (begun := lines(file)):
                victim = next((one for one in both if str(one.pid) == begun[-1][2]), both[0])
                victim.kill()
                killed.add(victim.pid)
                await victim.wait()
                both[both.index(victim)] = await start(url, file)
    for process in both:
        process.terminate()
        await process.wait()
    runs, told = await ended(database), lines(file)
    begins = Counter(run_id for what, run_id, _pid in told if what == "begin")
    interrupted = {run_id for _what, run_id, pid in told if int(pid) in killed}
    assert len({run.fire_at for run in runs}) == len(runs) >= FIRES
    for run in runs:
        assert run.status in (RunStatus.DONE, RunStatus.LOST)
        assert begins[run.id] <= run.attempts <= 2
        assert run.attempts == 1 or run.id in interrupted or run.status is RunStatus.DONE
        assert begins[run.id] == 1 or run.attempts == 2
    at_work: tuple[str, str] | None = None
    for what, run_id, pid in told:
        if what == "begin":
            assert at_work is None or int(at_work[1]) in killed
        at_work = (run_id, pid) if what == "begin" else None


@pytest.mark.slow
async def test_one_fire_is_one_run(url: str, database: Database, tmp_path: Path) -> None:
    """Three processes that nothing disturbs: every fire once, at the first attempt."""
    file = tmp_path / "ran"
    three = [await start(url, file) for _ in range(3)]
    async with asyncio.timeout(60):
        while len(await ended(database)) < 5:
            await asyncio.sleep(0.1)
    for process in three:
        process.kill()
        await process.wait()
    assert {run.attempts for run in await ended(database)} == {1}
    assert set(Counter(run_id for what, run_id, _pid in lines(file) if what == "begin").values()) == {1}
    assert len(await Journal(database).jobs()) == 1
