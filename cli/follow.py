"""Following a run on the terminal: events as they come, questions where they arise."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli import show, terminal
from naryad.errors import Refused
from naryad.i18n import _
from naryad.printable import printable

if TYPE_CHECKING:
    from agents.registry import Crew
    from naryad.db.models.gate import Approval
    from naryad.events import Event
    from naryad.runs import RunState

Answer = Callable[["Approval"], Awaitable[tuple[bool, str] | None]]
"""Says yes or no and why; None leaves the question open."""

OTHER_POLL_S = 1.0
"""How often to look whether another process has let go of the thread."""


async def follow(
    crew: "Crew", thread_id: str, work: "Awaitable[RunState]", *, answer: Answer, on_event: "Callable[[Event], None]"
) -> "RunState":
    """Show a run to its end, or to a question that stays open.

    A question that is decided elsewhere while it is asked here is withdrawn, and the run followed on.

    Args:
        crew: The crew whose thread it is.
        thread_id: The thread.
        work: The run's beginning, for example `crew.runs.submit(…)`.
        answer: Asked for each question.
        on_event: Gets every event, in order, each once.
    """
    async with _watching(crew, thread_id, on_event) as watch:
        state = await work
        while state.waiting_for:
            for approval_id in state.waiting_for:
                if not await _decided(crew, approval_id, answer, watch):
                    return state
            state = await _go_on(crew, thread_id)
        return state


@dataclass
class _Watch:
    """What the watcher of events tells the one who asks, and the other way round."""

    decided: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    asking: bool = False


async def _decided(crew: "Crew", approval_id: str, answer: Answer, watch: _Watch) -> bool:
    """Ask, and record what was said; False when the question stays open."""
    from naryad.auth import local_person
    from naryad.gate.approvals import Verdict

    asked = await crew.gate.approvals.get(approval_id)
    asking = asyncio.ensure_future(answer(asked))
    elsewhere = asyncio.ensure_future(watch.decided[approval_id].wait())
    watch.asking = True
    try:
        await asyncio.wait({asking, elsewhere}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            return True
        if (said := asking.result()) is None:
            return False
    finally:
        watch.asking = False
        asking.cancel()
        elsewhere.cancel()
        await asyncio.wait({asking, elsewhere})
    verdict = Verdict.APPROVE if said[0] else Verdict.REJECT
    try:
        asked = await crew.gate.approvals.decide(approval_id, local_person(), verdict, said[1])
    except Refused as refusal:
        asked = await crew.gate.approvals.get(approval_id)
        if asked.status == "pending":
            raise
        show.console().print(printable(refusal.message), style="yellow", markup=False)
    return asked.status != "pending"  # where two must agree, one is not enough


async def _go_on(crew: "Crew", thread_id: str) -> "RunState":
    """Drive the thread; while whoever decided elsewhere drives it, wait until they are through."""
    while True:
        try:
            return await crew.runs.drive(thread_id)
        except Refused:
            await asyncio.sleep(OTHER_POLL_S)


@asynccontextmanager
async def _watching(crew: "Crew", thread_id: str, on_event: "Callable[[Event], None]") -> AsyncIterator[_Watch]:
    """Show the thread's events as they come."""
    watch = _Watch()
    past = await crew.runtime.events.since(thread_id)
    seen = past[-1].seq if past else 0

    def take(event: "Event") -> None:
        nonlocal seen
        seen = event.seq
        if watch.asking:
            show.console().print("\n" + _("This is being decided elsewhere."), style="yellow")
            watch.asking = False
        on_event(event)
        if event.type == "approval.decided":
            watch.decided[event.data["approval"]].set()

    async def follow_on() -> None:
        async for event in crew.runtime.events.follow(thread_id, seen):
            take(event)

    watcher = asyncio.create_task(follow_on())
    try:
        yield watch
    finally:
        while not watcher.done():  # Python 3.11's `wait_for` loses a cancel that comes with what it waits for
            watcher.cancel()
            await asyncio.wait({watcher}, timeout=0.1)
        if not watcher.cancelled() and (bug := watcher.exception()):
            raise bug
        for event in await crew.runtime.events.since(thread_id, seen):
            take(event)


async def ask(crew: "Crew", asked: "Approval") -> tuple[bool, str] | None:
    """Ask the person at the terminal; None when they leave without an answer."""
    show.approval(asked, crew.runtime.settings.zone)
    yes = await terminal.confirm(_("Allow it?"))
    if yes is None:
        return None
    return yes, "" if yes else await terminal.line(_("Why not? ")) or ""
