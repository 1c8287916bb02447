"""What the chat endpoints do: runs begun, their results collected, threads followed to their end."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from agents.registry import ROLES
from graphs.ops.state import Exchange
from naryad.auth import roles_of
from naryad.db.models.thread import Thread
from naryad.errors import NotFound
from naryad.events import Event, EventType
from naryad.i18n import _
from naryad.run_events import ENDS, of_run
from naryad.tails import Waker
from naryad.threads import Status
from server.access import Caller
from server.chat.schemas import Run
from server.errors import Denied
from server.parts import Parts

WAIT_S = 120.0
"""How long a request waits for a result; the run goes on all the same."""


def agents(parts: Parts, caller: Caller) -> list[str]:
    """The agents that the caller may talk with; a machine with whom its account may."""
    roles = roles_of(caller.account.role)
    return [agent for agent in parts.crew.runs.agents if ROLES.get(agent, frozenset()) & roles]


def check_agent(parts: Parts, caller: Caller, agent: str) -> None:
    """Raise `NotFound` for an agent that is not there, or not for the caller."""
    if agent not in (known := agents(parts, caller)):
        text = _("There is no agent {name!r}; there are: {known}.")
        raise NotFound(text.format(name=agent, known=", ".join(known)))


def check_own(thread: Thread, caller: Caller) -> None:
    """Raise `Denied` for a monitor's thread: whoever speaks there would speak in its name."""
    if thread.principal != caller.person.id:
        raise Denied(_("This thread is not yours: open one of your own."), status=403, code="forbidden")


async def begin(
    parts: Parts, caller: Caller, thread: Thread, text: str, key: str = "", *, earlier: Sequence[Exchange] = ()
) -> str:
    """Queue what the caller says, and let it run; returns the input's id.

    `earlier` is what they say was said before, elsewhere: the agent reads it, and nobody vouches for it.

    Raises:
        NotFound: The agent is not for the caller any more.
        Denied: The thread is a monitor's.
        Refused: The key was used for another text.
    """
    check_agent(parts, caller, thread.agent)
    check_own(thread, caller)
    told = {"text": text, **({"earlier": list(earlier)} if earlier else {})}
    return await parts.driver.submit(thread.id, thread.agent, caller.person.id, told, key=key)


async def result(parts: Parts, thread_id: str, input_id: str) -> Run:
    """What comes of an input, as far as it can be waited for."""
    run = Run(thread=thread_id, input=input_id, status="running")
    try:
        async with asyncio.timeout(WAIT_S), aclosing(of_run(parts.crew.runtime.events, thread_id, input_id)) as events:
            async for event in events:
                take(run, event)
    except TimeoutError:
        pass
    return run


def take(run: Run, event: Event) -> None:
    """Note what an event of a run means for its result."""
    match event.type:
        case EventType.MESSAGE:
            run.answer = "\n\n".join(filter(None, [run.answer, event.data["text"]]))
        case EventType.RUN_WAITING:
            run.status, run.approvals = "waiting", event.data["approvals"]
        case EventType.RUN_FINISHED:
            run.status, run.outcome = "finished", event.data.get("outcome")
        case EventType.RUN_FAILED:
            run.status, run.message = "failed", event.data["message"]


async def until_finished(parts: Parts, thread: Thread, after: int, waker: Waker) -> AsyncGenerator[Event]:
    """A thread's events until nothing runs there."""
    events = parts.crew.runtime.events

    async def end() -> int | None:
        if (await parts.threads.standing(thread)).status is Status.RUNNING:
            return None
        newest = await events.last(thread.id, *EventType)
        return newest.seq if newest else 0

    last = await end()
    if last is not None and last <= after:
        return
    async with aclosing(events.follow(thread.id, after, waker)) as following:
        async for event in following:
            yield event
            if last is None and event.type in ENDS:
                last = await end()
            if last is not None and event.seq >= last:
                return
