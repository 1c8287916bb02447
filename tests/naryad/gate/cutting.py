"""Cuts a coroutine off at one exact point: its k-th suspension."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any


class Cut:
    """Runs a coroutine, and cancels its task where it suspends for the k-th time.

    Attributes:
        reached: Whether there was a k-th time.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self.reached = False

    async def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The coroutine's result, or None where it was cut."""
        task = asyncio.create_task(self._steps(coroutine))
        try:
            return await task
        except asyncio.CancelledError:
            assert self.reached
            return None

    async def _steps(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return await _counted(coroutine, self)

    def suspended(self) -> None:
        """Count one suspension."""
        self._k -= 1
        if self._k == 0:
            self.reached = True
            task = asyncio.current_task()
            assert task
            task.cancel()


@types.coroutine
def _counted(coroutine: Coroutine[Any, Any, Any], cut: Cut) -> Generator[Any, Any, Any]:
    sent: Any = None
    thrown: BaseException | None = None
    while True:
        try:
            waits_for = coroutine.throw(thrown) if thrown else coroutine.send(sent)
        except StopIteration as end:
            return end.value
        cut.suspended()
        sent = thrown = None
        try:
            sent = yield waits_for
        except BaseException as error:
            thrown = error
