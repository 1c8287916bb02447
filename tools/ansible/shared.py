"""One check for all who want the same one at the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Entry(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0
    ended: float | None = None


class Shared(Generic[T]):
    """Runs work once a key, and keeps its result for a moment; see docs/decisions/0004-ansible-preview.md.

    Args:
        keep_s: Seconds for which a result is good.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._entries: dict[str, _Entry[T]] = {}

    async def get(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `work`: fresh from a moment ago, of the same work under way, or new.

        The work goes on while anybody waits for it, whoever of them is cancelled.
        """
        entry = self._entries.get(key)
        if entry is None or self._is_stale(entry):
            entry = self._entries[key] = _Entry(asyncio.create_task(work()))
            entry.task.add_done_callback(lambda task: self._ended(key, entry, task))
        entry.waiting += 1
        try:
            return await asyncio.shield(entry.task)
        finally:
            entry.waiting -= 1
            if not entry.waiting and not entry.task.done():
                self._drop(key, entry)
                entry.task.cancel()
                await _gone(entry.task)

    def forget(self) -> None:
        """Trust no result any more, nor one of work that is under way now."""
        self._entries.clear()

    def _is_stale(self, entry: _Entry[T]) -> bool:
        return entry.ended is not None and time.monotonic() - entry.ended > self._keep_s

    def _ended(self, key: str, entry: _Entry[T], task: asyncio.Task[T]) -> None:
        entry.ended = time.monotonic()
        if task.cancelled() or task.exception():
            self._drop(key, entry)

    def _drop(self, key: str, entry: _Entry[T]) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]


async def _gone(task: Awaitable[Any]) -> None:
    await asyncio.wait([asyncio.ensure_future(task)])
