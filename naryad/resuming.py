"""How a run that stopped goes on: with what people decided, or again where it broke."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any


async def resumption(
    state: Any, still_open: Callable[[Iterable[str]], Awaitable[set[str]]]
) -> tuple[Any, tuple[str, ...]]:
    """What to hand to an unfinished graph: the decided interrupts by id, or None to go on after a crash.

    Args:
        state: Where the graph stands.
        still_open: Tells which approvals people may still decide.

    Returns:
        It, and the approvals that are waited for where there is nothing to hand.
    """
    from langgraph.types import Command

    pauses = {pause.id: pause.value["approval"] for task in state.tasks for pause in task.interrupts}
    if not pauses:
        return None, ()
    undecided = await still_open(pauses.values())
    ready = {pause: approval for pause, approval in pauses.items() if approval not in undecided}
    return (Command(resume=ready), ()) if ready else (None, tuple(sorted(undecided)))
