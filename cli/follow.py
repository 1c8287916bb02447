"""Following a run on the terminal: events as they come, questions where they arise."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from cli import session, show
from naryad.i18n import _

if TYPE_CHECKING:
    from agents.registry import Crew
    from naryad.db.models.gate import Approval
    from naryad.events import Event
    from naryad.runs import RunState

Answer = Callable[["Approval"], Awaitable[tuple[bool, str] | None]]
"""Says yes or no and why; None leaves the question open."""


async def follow(
    crew: "Crew", thread_id: str, work: "Awaitable[RunState]", *, answer: Answer, on_event: "Callable[[Event], None]"
) -> "RunState":
    """Show a run to its end, or to a question that `answer` leaves open.

    Args:
        crew: The crew whose thread it is.
        thread_id: The thread.
        work: The run's beginning, for example `crew.runs.submit(…)`.
        answer: Asked for each question.
        on_event: Gets every event, in order, each once.
    """
    from naryad.auth import local_person
    from naryad.gate.approvals import Verdict

    past = await crew.runtime.events.since(thread_id)
    seen = past[-1].seq if past else 0

    async def watch() -> None:
        nonlocal seen
        async for event in crew.runtime.events.follow(thread_id, seen):
            seen = event.seq
            on_event(event)

    watcher = asyncio.create_task(watch())
    try:
        state = await work
        while state.waiting_for:
            for approval_id in state.waiting_for:
                said = await answer(await crew.gate.approvals.get(approval_id))
                if said is None:
                    return state
                verdict = Verdict.APPROVE if said[0] else Verdict.REJECT
                await crew.gate.approvals.decide(approval_id, local_person(), verdict, said[1])
            state = await crew.runs.drive(thread_id)
        return state
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
        for event in await crew.runtime.events.since(thread_id, seen):
            on_event(event)


async def ask(crew: "Crew", asked: "Approval") -> tuple[bool, str]:
    """Ask the person at the terminal."""
    import typer

    show.approval(asked, crew.runtime.settings.zone)
    yes = await session.at_terminal(lambda: typer.confirm(_("Allow it?"), default=False))
    if yes:
        return True, ""
    reason: str = await session.at_terminal(lambda: typer.prompt(_("Why not?"), default="", show_default=False))
    return False, reason
