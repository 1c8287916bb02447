"""What a server does besides answering: each piece runs for ever, and starts again when it breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from naryad import retention
from server.parts import Parts

log = structlog.get_logger()
Pieces = Mapping[str, Callable[[], Awaitable[None]]]
EXPIRY_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


def pieces(parts: Parts) -> Pieces:
    """Each piece by its name."""
    return {
        "driver": parts.driver.run,
        "alerts": lambda: parts.watch.run(parts.driver),
        "outbox": lambda: parts.outbox.run(parts.notifications.senders),
        "herald": parts.notifications.herald.run,
        "escalation": parts.notifications.herald.watch,
        "expiry": lambda: expiry(parts),
        "lag": parts.meters.lag,
        "host": parts.host_history.run,
        "retention": lambda: retention.run(parts.crew.runtime.database),
    }


async def expiry(parts: Parts) -> None:
    """Close the questions that nobody answered in time; never ends."""
    while True:
        await parts.crew.gate.approvals.expire_due()
        await asyncio.sleep(EXPIRY_S)


@asynccontextmanager
async def at_work(parts: Parts, beside: Pieces) -> AsyncIterator[None]:
    """Keep every piece running, and those of another channel beside the API."""
    wanted = {**pieces(parts), **beside}
    tasks = [asyncio.create_task(_for_ever(name, piece), name=name) for name, piece in wanted.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _for_ever(name: str, piece: Callable[[], Awaitable[None]]) -> None:
    pause = FIRST_PAUSE_S
    while True:
        try:
            await piece()
        except Exception as error:  # one broken piece must not end the others, nor stay away
            log.error("background.broke", piece=name, error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        else:
            return
