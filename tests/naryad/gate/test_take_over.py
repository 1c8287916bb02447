"""Whose effect it is when its process is gone, silent, stopped, or only slow."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select, update

from naryad import owner
from naryad.db.models.gate import Effect
from naryad.gate.answer import Call, Caller, Outcome
from tests.naryad.crew import PRINCIPAL
from tests.naryad.gate.conftest import Build, World

pytestmark = pytest.mark.slow
CALLER = Caller("ops", "t", PRINCIPAL)
ROOT = Path(__file__).parents[3]
Spawn = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def spawn(url: str, tmp_path: Path) -> Iterator[Spawn]:
    """Start a process, and return when it is in the middle of its effect."""
    children = []

    def start(tool: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.naryad.gate.worker_process", url, str(tmp_path), tool, "4"]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout
        assert child.stdout.readline() == "started\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


def call(tool: str) -> Call:
    return Call("c1", tool, {"what": "x", "seconds": 4.0})


async def waits(world: World, tool: str) -> None:
    """The effect is left alone: whoever asks waits."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await world.gate.advance(call(tool), CALLER)


async def change(world: World, **values: object) -> None:
    async with world.database.write() as session:
        await session.exec(update(Effect).values(**values))


@pytest.mark.parametrize(
    ("tool", "outcome"),
    [("counter_fire", Outcome.DONE), ("counter_put", Outcome.DONE), ("counter_launch", Outcome.UNKNOWN)],
)
async def test_a_dead_process_is_taken_over_at_once(build: Build, spawn: Spawn, tool: str, outcome: Outcome) -> None:
    """After `kill -9` nobody waits for a lease: what became of the effect is found out, or told as unknown."""
    world = build()
    child = await asyncio.to_thread(spawn, tool)
    await waits(world, tool)
    child.kill()
    await asyncio.to_thread(child.wait)
    async with asyncio.timeout(90):
        answer = await world.answer(call(tool), CALLER)
    assert (answer.outcome, len(world.effects)) == (outcome, 1)
    assert "effect.taken_over" in await world.audited()


async def test_a_stopped_process_is_not_robbed(build: Build, spawn: Spawn) -> None:
    """A process that was stopped may go on: even when its lease has lapsed its effect is left to it."""
    world = build()
    child = await asyncio.to_thread(spawn, "counter_fire")
    os.kill(child.pid, signal.SIGSTOP)
    await change(world, lease_until=datetime.now(UTC) - timedelta(hours=1))
    await waits(world, "counter_fire")
    os.kill(child.pid, signal.SIGCONT)
    async with asyncio.timeout(90):
        answer = await world.answer(call("counter_fire"), CALLER)
    assert (answer.outcome, world.effects) == (Outcome.DONE, ["fire x"])
    assert "effect.taken_over" not in await world.audited()


@pytest.mark.parametrize(
    ("tool", "outcome"),
    [("counter_fire", Outcome.DONE), ("counter_put", Outcome.UNKNOWN), ("counter_launch", Outcome.UNKNOWN)],
)
async def test_another_host_is_believed_until_its_lease_lapses(
    build: Build, spawn: Spawn, tool: str, outcome: Outcome
) -> None:
    """Out of sight only the lease tells; after it the effect is settled, and never run again."""
    world = build()
    child = await asyncio.to_thread(spawn, tool)
    await change(world, owner="elsewhere~1~2/17/99#x")
    await waits(world, tool)
    await change(world, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    async with asyncio.timeout(90):
        answer = await world.answer(call(tool), CALLER)
    assert (answer.outcome, len(world.effects)) == (outcome, 1)
    # The other one comes back and ends its effect: the outcome that was told stands.
    await asyncio.to_thread(child.wait, 90)
    assert (await world.answer(call(tool), CALLER)).outcome is outcome


async def test_a_lease_is_renewed_while_the_effect_runs(
    build: Build, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long effect keeps its owner."""
    monkeypatch.setattr(owner, "LEASE", timedelta(seconds=0.3))
    world = build()
    running = asyncio.create_task(world.gate.advance(Call("n", "counter_note", {"what": "x", "seconds": 1.0}), CALLER))
    seen = set()
    while not running.done():
        async with world.database.read() as session:
            seen |= set((await session.exec(select(Effect.lease_until))).all())
        await asyncio.sleep(0.05)
    assert len(seen) > 2
