"""What a run tells of itself, and how the events of one run are picked out of its thread's."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from naryad.errors import NotFound
from naryad.events import Event, EventLog, EventType
from naryad.i18n import _
from naryad.tails import Waker

ENDS = frozenset({EventType.RUN_FINISHED, EventType.RUN_FAILED, EventType.RUN_WAITING})
"""After one of these a run does nothing more by itself; only what failed is tried again later."""
AROUND_WORDS = (
    *(EventType.TOKEN, EventType.RESET, EventType.MESSAGE, EventType.TOOL_STARTED, EventType.APPROVAL_REQUESTED),
    EventType.RUN_FINISHED,
)


def nothing() -> dict[str, Any]:
    """What a run has spent at its beginning: `tokens`, and whether it was ever left without a model, `degraded`."""
    return {"tokens": 0, "degraded": False}


def add(spent: dict[str, Any], facts: Mapping[str, Any]) -> None:
    """Add what one leg of a run spent, by the facts of its operation."""
    spent["tokens"] += facts.get("tokens", 0)
    spent["degraded"] |= facts.get("degraded", False)


async def spent(events: EventLog, thread_id: str) -> dict[str, Any]:
    """What the thread's unfinished run has spent before: each leg of it ends with an event that says so."""
    last = await events.last(thread_id, *ENDS)
    before = last.data if last and last.type is not EventType.RUN_FINISHED else {}
    return {name: before.get(name, value) for name, value in nothing().items()}


async def tell_waiting(events: EventLog, thread_id: str, approvals: tuple[str, ...], **spent: Any) -> None:
    """Say that it is the people's turn: once, and again to whoever said something since."""
    last = await events.last(thread_id, EventType.RUN_WAITING, EventType.INPUT)
    if last is None or last.data.get("approvals") != list(approvals):
        await events.append(thread_id, EventType.RUN_WAITING, approvals=list(approvals), **spent)


async def withdraw(events: EventLog, thread_id: str) -> None:
    """Take back the words of a step that was cut off: it is made again, and says them again."""
    last = await events.last(thread_id, *AROUND_WORDS)
    if last and last.type is EventType.TOKEN:
        cut = {"attempt": last.data.get("attempt"), "reason": "the run was cut off"}
        await events.append(thread_id, EventType.RESET, **cut)


class Picker:
    """Picks the events of one input's run out of those that came after it in the thread, shown in order.

    What runs before it is left out; where that waits for people so does this, which is told.

    Attributes:
        ended: Whether the run finished, failed or waits for people.
    """

    def __init__(self, begun: Event) -> None:
        self._input, self._behind = begun.data["input"], begun.data.get("behind")
        self.ended = False

    def picks(self, event: Event) -> bool:
        """Whether the next event is the run's."""
        finished = event.data.get("input") if event.type is EventType.RUN_FINISHED else None
        if finished == self._input or event.type is EventType.RUN_WAITING:
            self.ended = True
            return True
        if self._behind is None and event.type is not EventType.INPUT and finished is None:
            self.ended = event.type in ENDS
            return True
        if finished == self._behind:
            self._behind = None
        return False


async def of_run(events: EventLog, thread_id: str, input_id: str, waker: Waker | None = None) -> AsyncGenerator[Event]:
    """The events of the run of one input, until it finishes, fails or waits for people, or the waker is closed.

    Raises:
        NotFound: The thread has no such input.
    """
    begun = await events.input(thread_id, input_id)
    if begun is None:
        raise NotFound(_("There is no such input."))
    yield begun
    picker = Picker(begun)
    async with aclosing(events.follow(thread_id, begun.seq, waker)) as following:
        async for event in following:
            if picker.picks(event):
                yield event
            if picker.ended:
                return
