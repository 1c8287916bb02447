"""Blocking work in a thread that hears when its caller is cancelled."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")

_SETTLE_S = 15.0
"""How long a cancelled caller waits until the work has written down how it ended."""


async def in_thread(work: Callable[[Callable[[], bool]], T]) -> T:
    """Run `work` in a thread; it gets a function that says whether to stop.

    A cancelled caller waits for the work to stop and to record that, then the cancellation goes on.
    """
    stop = Event()
    running = asyncio.get_running_loop().run_in_executor(None, work, stop.is_set)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running], timeout=_SETTLE_S)
        if running.done() and not running.cancelled():
            running.exception()  # its caller is gone: nobody else will look at it
        raise
