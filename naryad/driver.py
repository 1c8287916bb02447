"""Runs in the background of one process: started, a few at once, continued after a restart, cancelled."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from naryad.errors import NaryadError
from naryad.i18n import language, speaking
from naryad.runs import Busy, Runs

log = structlog.get_logger()
LOOK_S = 15.0
"""How often threads are looked for that another process left behind."""
TRY_S = 0.5
LONGEST_REST_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Rest:
    """How long a thread that broke is left alone: twice as long each time."""

    until: float
    length: float

    @classmethod
    def after(cls, before: "_Rest | None") -> "_Rest":
        length = min(LONGEST_REST_S, before.length * 2) if before else LOOK_S
        return cls(time.monotonic() + length, length)


class Driver:
    """Drives threads without anybody waiting for them.

    Args:
        runs: What starts and continues one run.
        most: Runs of one agent that go on at once: a storm of alerts must not keep people's chats waiting.
    """

    def __init__(self, runs: Runs, *, most: int) -> None:
        self._runs, self._lang = runs, language()
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(most))
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._waits: dict[str, tuple[str, ...]] = {}
        self._rests: dict[str, _Rest] = {}

    async def submit(
        self, thread_id: str, agent: str, principal: str, data: Mapping[str, Any], *, key: str = ""
    ) -> str:
        """Queue input for a thread and let it run; returns the input's id at once. Arguments as `Runs.enqueue` has.

        Raises:
            NotFound: There is no such agent.
            Refused: The thread belongs to another agent, or the key was used for other input.
        """
        queued = await self._runs.enqueue(thread_id, agent, principal, data, key=key)
        self._begin(thread_id, agent)
        return queued

    def start(self, thread_id: str, agent: str) -> None:
        """Drive a thread, now or when there is a free slot; one that is driven is looked at once more at its end.

        It speaks as the install does: whoever lets it go on need not speak as those whom it answers.
        """
        with speaking(self._lang):
            self._begin(thread_id, agent)

    def _begin(self, thread_id: str, agent: str) -> None:
        if thread_id in self._tasks:
            self._again.add(thread_id)
            return
        task = asyncio.create_task(self._drive(thread_id, agent), name=f"drive {thread_id}")
        self._tasks[thread_id] = task
        task.add_done_callback(lambda _done: self._ended(thread_id, agent))

    async def cancel(self, thread_id: str, by: str) -> None:
        """End what a thread does now and forget the input behind it; returns when it has ended.

        Raises:
            NotFound: There is no such thread.
            Refused: Nothing runs there.
        """
        await self._runs.cancel(thread_id, by)
        await self.end(thread_id)

    async def end(self, thread_id: str) -> None:
        """End the run of a thread, if it is marked as cancelled, and go on with what was said since."""
        while True:
            try:
                agent = await self._runs.end(thread_id)
            except Busy:
                if task := self._tasks.get(thread_id):
                    task.cancel()
                    await asyncio.wait([task])
                else:  # another process runs it, and notices at its next heartbeat
                    await asyncio.sleep(TRY_S)
            else:
                self.start(thread_id, agent)  # for what was said since
                return

    async def run(self) -> None:
        """Continue what nobody runs: at once after a start, and what other processes leave behind later. Never ends."""
        while True:
            try:
                await self._look()
            except Exception as error:  # the next look makes up for it; without looks, runs would be lost
                log.warning("driver.look.failed", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        still_open = await self._runs.still_open({approval for asked in self._waits.values() for approval in asked})
        for thread in await self._runs.unfinished():
            rest = self._rests.get(thread.id)
            waits = thread.id in self._waits and still_open.issuperset(self._waits[thread.id])
            if thread.id not in self._tasks and not waits and not (rest and rest.until > time.monotonic()):
                self.start(thread.id, thread.agent)

    async def close(self) -> None:
        """Stop driving; what was begun is continued by the next process."""
        tasks = list(self._tasks.values())
        self._again.clear()
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _drive(self, thread_id: str, agent: str) -> None:
        async with self._slots[agent]:
            self._again.discard(thread_id)
            self._waits.pop(thread_id, None)
            try:
                state = await self._runs.attempt(thread_id)
            except NaryadError as error:  # its watchers were told by an event
                log.info("run.stopped", thread=thread_id, message=error.message)
            except Exception as bug:  # the same; one broken run must not end the others
                log.warning("run.broke", thread=thread_id, error=type(bug).__name__)
            else:
                self._rests.pop(thread_id, None)
                if state and state.waiting_for:
                    self._waits[thread_id] = state.waiting_for
                return
            self._rests[thread_id] = _Rest.after(self._rests.get(thread_id))

    def _ended(self, thread_id: str, agent: str) -> None:
        self._tasks.pop(thread_id, None)
        if thread_id in self._again:
            self._again.discard(thread_id)
            self.start(thread_id, agent)
