"""Following threads: the database is asked once for all who follow, however many they are."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger()
PAGE = 200
"""Most events that are read at once, and that are kept of one thread: a follower never holds more."""


class Numbered(Protocol):
    """Something with a place in its thread."""

    @property
    def seq(self) -> int:
        """Its number, from 1."""


E = TypeVar("E", bound=Numbered)


class Waker(asyncio.Event):
    """Wakes one follower.

    Attributes:
        seq: The last event that the follower has.
        closed: Whether it shall end.
    """

    def __init__(self, seq: int = 0) -> None:
        super().__init__()
        self.seq, self.closed = seq, False

    def close(self) -> None:
        """End the following; what was begun to be given is given."""
        self.closed = True
        self.set()


@dataclass
class _Tail(Generic[E]):
    """What is known of a followed thread: its events after `start`, up to `end`."""

    start: int
    end: int
    events: deque[E] = field(default_factory=deque)
    wakers: set[Waker] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stale: bool = True


class Tails(Generic[E]):
    """The followed threads of one process.

    Args:
        read: A thread's events after a number, in order, at most so many.
        changed: Which of these threads have events after these numbers.
        poll_s: How often to look for what other processes wrote.
    """

    def __init__(
        self,
        read: Callable[[str, int, int], Awaitable[list[E]]],
        changed: Callable[[Mapping[str, int]], Awaitable[Collection[str]]],
        poll_s: Callable[[], float],
    ) -> None:
        self._read, self._changed, self._poll_s = read, changed, poll_s
        self._tails: dict[str, _Tail[E]] = {}
        self._poller: asyncio.Task[None] | None = None

    def wake(self, thread_id: str) -> None:
        """Let the followers of a thread look at once."""
        if tail := self._tails.get(thread_id):
            tail.stale = True
            for waker in tail.wakers:
                waker.set()

    def close(self, thread_id: str) -> None:
        """End the following of a thread."""
        for waker in tail.wakers if (tail := self._tails.get(thread_id)) else ():
            waker.close()

    async def follow(self, thread_id: str, waker: Waker) -> AsyncGenerator[E]:
        """Events after the waker's number as they come, until it is closed."""
        tail = self._tails.setdefault(thread_id, _Tail(waker.seq, waker.seq))
        tail.wakers.add(waker)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="poll events")
        try:
            while not waker.closed:
                waker.clear()
                page = await self._after(thread_id, tail, waker.seq)
                for event in page:
                    waker.seq = event.seq
                    yield event
                    if waker.closed:
                        return
                if not page and not waker.closed:
                    await waker.wait()
        finally:
            tail.wakers.discard(waker)
            if not tail.wakers:
                self._tails.pop(thread_id, None)

    async def _after(self, thread_id: str, tail: _Tail[E], seq: int) -> list[E]:
        if not tail.start <= seq <= tail.end:  # far behind the others, or ahead of them
            return await self._read(thread_id, seq, PAGE)
        if seq == tail.end:
            async with tail.lock:
                if seq == tail.end and tail.stale:
                    await self._refresh(thread_id, tail)
        return [event for event in tail.events if event.seq > seq]

    async def _refresh(self, thread_id: str, tail: _Tail[E]) -> None:
        tail.stale = False
        try:
            page = await self._read(thread_id, tail.end, PAGE)
        except BaseException:
            tail.stale = True
            raise
        for event in page:
            tail.events.append(event)
            tail.end = event.seq
        while len(tail.events) > PAGE:
            tail.start = tail.events.popleft().seq
        tail.stale = tail.stale or len(page) == PAGE

    async def _poll(self) -> None:
        """Look for what other processes wrote, with one question for all threads; ends when nobody follows."""
        while self._tails:
            await asyncio.sleep(self._poll_s())
            seen = {thread_id: min(waker.seq for waker in tail.wakers) for thread_id, tail in self._tails.items()}
            try:
                found = await self._changed(seen) if seen else ()
            except SQLAlchemyError as error:  # the next look makes up for it
                log.warning("event.poll.failed", error=type(error).__name__)
                continue
            for thread_id in found:
                self.wake(thread_id)
