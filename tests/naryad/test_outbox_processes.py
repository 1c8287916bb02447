"""The outbox in several processes: one that dies, and two that work at once."""

import asyncio
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from naryad.db.models.delivery import DeliveryStatus
from naryad.db.session import Database
from naryad.outbox import Outbox, Patience
from tests.naryad.test_outbox import until

PROGRAM = """
import asyncio, os, sys
from datetime import timedelta
from naryad.db.session import Database
from naryad.outbox import Outbox, Patience

url, file, mode = sys.argv[1:]

class File:
    async def send(self, target, payload, previous):
        with open(file, "a") as lines:
            print(os.getpid(), payload["n"], file=lines, flush=True)
        if mode == "hang":
            await asyncio.sleep(3600)
        await asyncio.sleep(0.005)

patience = Patience(timeout=timedelta(seconds=1 if mode == "hang" else 60))
asyncio.run(Outbox(Database(url), patience).run({"file": File()}))
"""


async def start(url: str, file: Path, mode: str = "") -> asyncio.subprocess.Process:
    """Another process that sends into a file."""
    return await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, url, str(file), mode)


def lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


async def test_what_was_sent_and_not_recorded_is_sent_again(url: str, database: Database, tmp_path: Path) -> None:
    """Killed between the sending and the record, a process repeats that message, and nothing else."""
    outbox, file = Outbox(database), tmp_path / "sent"
    await outbox.put("file", "a", {"n": 1}, key="1")
    dying = await start(url, file, "hang")
    async with asyncio.timeout(60):
        while not lines(file):
            await asyncio.sleep(0.02)
    dying.kill()
    await dying.wait()
    await outbox.put("file", "b", {"n": 2}, key="2")
    working = await start(url, file)
    await until(outbox, DeliveryStatus.SENT, 2)
    working.terminate()
    await working.wait()
    assert Counter(n for _pid, n in lines(file)) == {"1": 2, "2": 1}


async def test_two_processes_send_nothing_twice(url: str, database: Database, tmp_path: Path) -> None:
    """Both have work, and every message goes once; on one subject in order."""
    outbox, file = Outbox(database), tmp_path / "sent"
    async with database.write() as session:
        for n in range(120):
            await outbox.put("file", str(n % 12), {"n": n}, key=str(n), subject="s", session=session)
    both = [await start(url, file) for _ in range(2)]
    await until(outbox, DeliveryStatus.SENT, 100)
    async with asyncio.timeout(60):
        while (await outbox.counts()) != {("file", "sent"): 120}:
            await asyncio.sleep(0.05)
    for process in both:
        process.terminate()
        await process.wait()
    sent = [int(n) for _pid, n in lines(file)]
    assert sorted(sent) == list(range(120))
    assert all([n for n in sent if n % 12 == lane] == list(range(lane, 120, 12)) for lane in range(12))


async def test_a_send_that_does_not_end_is_tried_again(database: Database) -> None:
    """Its time runs out, and the next try gets through; the process itself is fine."""

    class Slow:
        tries = 0

        async def send(self, target: str, payload: object, previous: str | None) -> None:
            self.tries += 1
            if self.tries == 1:
                await asyncio.sleep(3600)

    outbox, slow = Outbox(database, Patience(first=timedelta(0), timeout=timedelta(seconds=0.1))), Slow()
    await outbox.put("slow", "a", {}, key="1")
    task = asyncio.create_task(outbox.run({"slow": slow}))
    (row,) = await until(outbox, DeliveryStatus.SENT, 1)
    task.cancel()
    await asyncio.wait([task])
    assert (slow.tries, row.attempts) == (2, 2)
