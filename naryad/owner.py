"""Which process holds a lock or runs an effect, and whether it still lives."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

import psutil
import structlog
from sqlalchemy.exc import SQLAlchemyError

from naryad.clock import new_id, now

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
"""How long a process that went silent on another host is believed to be still at work."""
LET_GO = datetime(1970, 1, 1, tzinfo=UTC)
"""The lease of what its owner let go of: a cancelled run."""


class Life(StrEnum):
    """What is known of an owner."""

    ALIVE = "alive"
    DEAD = "dead"
    """It certainly ended: whatever it did not do by now it will never do."""
    SILENT = "silent"
    """It let go, or is out of sight and its lease ran out: something that it began may still go on."""


class Worker:
    """One holder of rows: an object of one process, which knows what its own coroutines work on."""

    def __init__(self) -> None:
        self._token = new_id()
        self._busy: set[str] = set()

    @property
    def name(self) -> str:
        """As it is written into the rows that it holds."""
        return f"{_identity(os.getpid())}#{self._token}"

    @contextmanager
    def alone(self, key: str) -> Iterator[bool]:
        """Work on a row; False where another coroutine does already."""
        if key in self._busy:
            yield False
            return
        self._busy.add(key)
        try:
            yield True
        finally:
            self._busy.discard(key)

    async def life(self, owner: str, lease_until: datetime) -> Life:
        """What became of a row's owner; asked by one who is `alone` with the row."""
        if owner == self.name or lease_until == LET_GO:
            return Life.SILENT
        process = owner.partition("#")[0]
        seen = await asyncio.to_thread(_look, process)
        if seen is None:
            return Life.ALIVE if lease_until >= now() else Life.SILENT
        return seen


@asynccontextmanager
async def heartbeat(renew: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Renew a lease again and again; a beat that fails is made up by the next."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                await renew()
            except SQLAlchemyError as error:
                log.warning("lease.renewal.failed", error=type(error).__name__)

    heart = asyncio.create_task(beat())
    try:
        yield
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart


def _look(process: str) -> Life | None:
    """Whether a process still lives (a stopped one does); None where it cannot be seen from here."""
    sight, _, rest = process.partition("/")
    pid, _, started = rest.partition("/")
    if sight != _sight():
        return None
    return Life.ALIVE if _started(int(pid)) == started else Life.DEAD


@cache
def _identity(pid: int) -> str:
    # Keyed by pid, so that a forked child does not inherit its parent's identity.
    return f"{_sight()}/{pid}/{_started(pid)}"


@cache
def _sight() -> str:
    """What processes must share to see each other: the machine since its start, and the container.

    A host's name alone would not do: clones and containers share names, and not their processes.
    """
    parts = [socket.gethostname()]
    if sys.platform == "linux":
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]]
        parts += [str(Path("/proc/self/ns/pid").stat().st_ino)]
    return "~".join(parts)


def _started(pid: int) -> str | None:
    """When the process began, so that a later one with the same pid differs; None when it is gone."""
    if sys.platform == "linux":
        # Ticks since the machine's start: psutil's time of day moves when the clock is corrected.
        try:
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state in "ZX" else fields[18]
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
