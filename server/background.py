"""What a server does besides answering: each piece runs for ever, and starts again when it breaks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from naryad.ticket_sync.sync import TicketSync
from naryad.tickets import watch
from server.parts import Parts
from tools import trackers

log = structlog.get_logger()
Pieces = Mapping[str, Callable[[], Awaitable[None]]]
EXPIRY_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


def pieces(parts: Parts) -> Pieces:
    """Each piece by its name."""
    return {
        **(parts.mail.pieces() if parts.settings.imap_host else {}),
        **({"records": parts.recorder.run} if parts.settings.sentinel else {}),
        "driver": parts.driver.run,
        "alerts": lambda: parts.watch.run(parts.driver),
        "knowledge": parts.crew.knowledge.run,
        "outbox": lambda: parts.outbox.run(parts.notifications.senders),
        "herald": parts.notifications.herald.run,
        "escalation": parts.notifications.herald.watch,
        "expiry": lambda: expiry(parts),
        "handoffs": lambda: ringing(parts),
        "lag": parts.meters.lag,
        "host": parts.host_history.run,
        "tickets": lambda: watch.run(parts.crew.tickets),
        "jobs": parts.scheduler.run,
    } | {one.name: TicketSync(parts.crew.tickets, one).run for one in trackers.configured(parts.settings)}


async def expiry(parts: Parts) -> None:
    """Close the questions that nobody answered in time; never ends."""
    while True:
        await parts.crew.gate.approvals.expire_due()
        await asyncio.sleep(EXPIRY_S)


async def ringing(parts: Parts) -> None:
    """Tell people again of the handoffs that nobody took in time; never ends."""
    while True:
        await parts.crew.handoffs.ring()
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
        began = time.monotonic()
        try:
            await piece()
        except Exception as error:  # one broken piece must not end the others, nor stay away
            if time.monotonic() - began > LONGEST_PAUSE_S:  # it ran well: this is a new trouble
                pause = FIRST_PAUSE_S
            log.error("background.broke", piece=name, error=type(error).__name__, pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        else:
            return
