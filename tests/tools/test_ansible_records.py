"""What stands around a run: its records on disk, and the check that several share."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from naryad.errors import ToolFailed
from naryad.tooling import Settled
from tools.ansible.folders import NOT_STARTED, Folders
from tools.ansible.shared import Shared


@pytest.mark.parametrize(
    ("outcome", "fate"),
    [
        ({"status": "successful", "stats": {}}, Settled.HAPPENED),
        ({"status": "failed", "stats": {"ok": {"a": 1}}}, Settled.HAPPENED),
        ({"status": "failed", "stats": None}, Settled.UNKNOWN),
        ({"status": "canceled", "stats": None}, Settled.UNKNOWN),
        ({"status": "timeout", "stats": None}, Settled.UNKNOWN),
        ({"status": NOT_STARTED, "stats": None}, Settled.NOT_STARTED),
    ],
)
def test_the_fate_of_a_run_is_read_from_its_records(tmp_path: Path, outcome: dict[str, object], fate: Settled) -> None:
    """Only a run whose end is recorded has happened; without a folder it never started; in between nobody knows."""
    run = Folders(tmp_path).run("key/with odd … characters")
    assert run.fate() is Settled.NOT_STARTED
    run.start()
    assert run.fate() is Settled.UNKNOWN
    (run.path / "outcome.json").write_text('{"status": "succ')
    assert run.fate() is Settled.UNKNOWN
    run.finish(outcome)
    assert run.fate() is fate
    assert run.path.parent == tmp_path / "runs"
    with pytest.raises(ToolFailed):
        run.start()


def test_records_are_private_and_old_ones_forgotten(tmp_path: Path) -> None:
    """Only the owner may read them; ended runs go after months, an unsettled one stays."""
    folders = Folders(tmp_path / "home")
    folders.prepare_runs()
    for name in ("ended", "unsettled", "recent"):
        folders.run(name).start()
        if name != "unsettled":
            folders.run(name).finish({"status": "successful", "stats": {}})
    long_ago = time.time() - 100 * 24 * 3600
    for name in ("ended", "unsettled"):
        os.utime(folders.run(name).path, (long_ago, long_ago))
    folders.prepare_runs()
    assert {path.name for path in (tmp_path / "home/runs").iterdir()} == {"unsettled", "recent"}
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    with folders.check() as folder:
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


class Work:
    """Counts how often it is done, and waits until it is let go."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.started += 1
        number = self.started
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


async def test_work_asked_for_at_once_is_done_once() -> None:
    """All who wait get the one result, and so do those who ask a moment later; another key does not."""
    shared: Shared[int] = Shared(60)
    work = Work()
    waiting = [asyncio.create_task(shared.get("a", work)) for _ in range(5)]
    await asyncio.sleep(0)
    work.go.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert await shared.get("a", work) == 1
    assert await shared.get("b", work) == 2


async def test_a_result_grows_old_and_can_be_forgotten() -> None:
    """After its time, or after a run, the work is done again; also when it was under way at that moment."""
    work = Work()
    work.go.set()
    old: Shared[int] = Shared(-1)
    assert await old.get("a", work) == 1
    assert await old.get("a", work) == 2
    shared: Shared[int] = Shared(60)
    slow = Work()
    first = asyncio.create_task(shared.get("a", slow))
    await asyncio.sleep(0)
    shared.forget()
    second = asyncio.create_task(shared.get("a", slow))
    await asyncio.sleep(0)
    slow.go.set()
    assert [await first, await second] == [1, 2]
    assert await shared.get("a", slow) == 2


async def test_shared_work_lives_as_long_as_somebody_waits() -> None:
    """One who leaves does not take it from the others; when all have left it is cancelled."""
    shared: Shared[int] = Shared(60)
    work = Work()
    first, second = (asyncio.create_task(shared.get("a", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert work.cancelled == 0
    second.cancel()
    await asyncio.wait([second])
    assert work.cancelled == 1
    assert work.started == 1


async def test_a_failure_is_not_kept() -> None:
    """All who wait get the failure, the next one tries again."""
    shared: Shared[int] = Shared(60)
    tries = []

    async def work() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ToolFailed("no")
        return 7

    with pytest.raises(ToolFailed):
        await shared.get("a", work)
    assert await shared.get("a", work) == 7
