"""`naryad run` and `naryad chat`: talk to an agent."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import session, show, terminal
from naryad.errors import Refused
from naryad.i18n import N_, _
from naryad.printable import printable

if TYPE_CHECKING:
    from agents.registry import Crew
    from naryad.events import Event
    from naryad.runs import RunState

EXIT_WAITING = 3


def run(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help=N_("The agent, for example ops."))],
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help=N_("What you want, in your own words; - reads standard input."))
    ] = "",
    thread: Annotated[
        str, typer.Option(metavar="ID", help=N_("Continue this thread; without a text, only continue."))
    ] = "",
    json: Annotated[bool, typer.Option("--json", help=N_("Print events as JSON lines."))] = False,
) -> None:
    """Give an agent a task and follow its run."""
    words = typer.get_text_stream("stdin").read() if text == "-" else text
    if not words.strip() and not thread:
        raise typer.BadParameter(_("Say what you want, or name the thread to continue with --thread."))
    raise typer.Exit(session.go(_run(agent, words.strip(), thread, json=json)))


def chat(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help=N_("The agent, for example ops."))],
    thread: Annotated[str, typer.Option(metavar="ID", help=N_("Continue this thread."))] = "",
) -> None:
    """Talk with an agent, line by line; an empty line or Ctrl-D ends."""
    raise typer.Exit(session.go(_chat(agent, thread)))


async def _run(agent: str, words: str, thread: str, *, json: bool) -> int:
    async with session.crew() as crew:
        state = await one_run(crew, agent, words, thread, json=json)
        finish(state, json=json)
        return EXIT_WAITING if state.waiting_for else 0


async def _chat(agent: str, thread: str) -> int:
    from naryad.clock import new_id

    thread_id = thread or new_id()
    async with session.crew() as crew:
        crew.runs.known(agent)
        show.console().print(_("Thread {id}. An empty line ends.").format(id=thread_id), style="dim")
        while words := await terminal.line("> "):
            try:
                await one_run(crew, agent, words, thread_id, json=False)
            except Refused as refusal:
                show.console().print(printable(refusal.message), style="yellow", markup=False)
    return 0


async def one_run(crew: "Crew", agent: str, words: str, thread: str, *, json: bool) -> "RunState":
    """Drive one thread to its end or to an open question, showing its events."""
    from cli.follow import ask, follow
    from naryad.auth import local_person
    from naryad.clock import new_id

    stream = show.Stream()

    def on_event(event: "Event") -> None:
        if json:
            show.as_json({"seq": event.seq, "type": event.type, "at": event.at, **event.data})
        else:
            stream.event(event)

    async def answer(asked: Any) -> tuple[bool, str] | None:
        return await ask(crew, asked) if terminal.attended() and not json else None

    thread_id = thread or new_id()
    if words:
        work = crew.runs.submit(thread_id, agent, local_person().id, {"text": words})
    else:
        work = crew.runs.drive(thread_id)
    try:
        return await follow(crew, thread_id, work, answer=answer, on_event=on_event)
    except asyncio.CancelledError:
        text = _("Interrupted. What was begun is recorded; go on with: naryad run {agent} --thread {id}")
        raise session.Interrupted(text.format(agent=agent, id=thread_id)) from None


def finish(state: "RunState", *, json: bool) -> None:
    """Say where the thread stands."""
    if json:
        outcome = state.values.get("outcome")
        end = {"type": "end", "thread": state.thread_id, "outcome": outcome, "waiting_for": state.waiting_for}
        show.as_json(end)
    elif state.waiting_for:
        text = _("Waiting for a decision. Nothing was changed. Decide with: naryad approvals approve {id}")
        for approval_id in state.waiting_for:
            show.console().print(text.format(id=approval_id), style="yellow")
    else:
        show.console().print(_("Thread {id}").format(id=state.thread_id), style="dim")
