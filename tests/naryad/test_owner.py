"""Owners: which process it is, and whether it still lives."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from naryad import owner


async def test_a_recycled_pid_is_another_process() -> None:
    """An owner is its pid and its start: a later process with the same pid is not taken for it."""
    worker = owner.Worker()
    process, _, token = worker.name.partition("#")
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await owner.Worker().life(worker.name, later) is owner.Life.ALIVE
    started = process.rpartition("/")[2]
    assert await worker.life(process.removesuffix(started) + f"{int(started) - 1}#{token}", later) is owner.Life.DEAD
    assert await worker.life(worker.name, owner.LET_GO) is owner.Life.SILENT


async def test_a_zombie_is_dead() -> None:
    """A process that ended and was not waited for is dead, though its pid is still there."""
    child = await asyncio.to_thread(subprocess.Popen, ["sleep", "60"])
    name = owner.Worker().name.partition("/")[0] + f"/{child.pid}/{owner._started(child.pid)}#x"
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await owner.Worker().life(name, later) is owner.Life.ALIVE
    child.kill()
    while owner._started(child.pid):
        await asyncio.sleep(0.01)
    assert await owner.Worker().life(name, later) is owner.Life.DEAD
    child.wait()


async def test_a_renewal_that_fails_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away for a moment costs a beat, not the work that it is for."""
    monkeypatch.setattr(owner, "LEASE", timedelta(seconds=0.03))
    beats = 0

    async def renew() -> None:
        nonlocal beats
        beats += 1
        if beats < 3:
            raise OperationalError("", {}, Exception("away"))

    async with owner.heartbeat(renew):
        while beats < 5:
            await asyncio.sleep(0.01)
