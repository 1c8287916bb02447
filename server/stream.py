"""Events on their way to a client: one spelling for SSE and WebSockets, and streams that end cleanly."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import ExitStack, aclosing
from types import SimpleNamespace
from typing import Annotated, Any, cast

import anyio
from fastapi import Depends
from sse_starlette import EventSourceResponse, ServerSentEvent

from naryad.accounts.tokens import ACCESS_LIFE
from naryad.events import FEED, Event
from naryad.tails import Waker
from server.access import Chatting
from server.parts import Using

PING_S = 15.0
SEND_S = 30.0
"""How long a client may take to accept one event; a slower one is cut, and continues where it was."""
GRACE_S = 5.0
"""How long a stream may take to end when the server is told to stop."""
LONGEST_S = ACCESS_LIFE.total_seconds()
"""A stream lives no longer than a token: who was signed out meanwhile does not come back."""
_WORD = {"type": "string"}
_FRAME = {"title": "ServerSentEvent", "type": "object", "properties": {"id": _WORD, "event": _WORD, "data": _WORD}}
EVENT_STREAM: dict[str, Any] = {"content": {"text/event-stream": {"schema": _FRAME}}}
"""How a route documents a stream."""


async def _counted(parts: Using, caller: Chatting) -> AsyncIterator[Callable[[], None]]:
    with ExitStack() as held:
        yield lambda: held.enter_context(parts.streams.one(caller.account.id))


Counted = Annotated[Callable[[], None], Depends(_counted)]
"""Called before a long answer begins: it counts among the caller's streams until it has ended, or is refused: 429."""


def told(event: Event) -> dict[str, Any]:
    """An event as clients see it; an event of the feed tells of the thread where it happened."""
    thread = event.data.get("thread", "") if event.thread_id == FEED else event.thread_id
    data = event.data
    if event.thread_id == FEED:  # what is asked is for those whom the question concerns: they find it by its id
        data = {name: value for name, value in data.items() if name != "question"}
    return {"thread": thread, "seq": event.seq, "type": event.type, "data": data, "at": event.at.isoformat()}


def spelled(message: Any) -> str:
    """A message as JSON."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def sse(events: Callable[[Waker], AsyncGenerator[Event]], **headers: str) -> EventSourceResponse:
    """Stream events as SSE: `id` is the event's number, `event` its type, `data` the whole of it.

    Args:
        events: Begins to follow; ends when the waker is closed.
        headers: Headers of the answer; `_` stands for `-`.
    """

    async def frames(waker: Waker) -> AsyncGenerator[ServerSentEvent]:
        async with aclosing(events(waker)) as following:
            async for event in following:
                yield ServerSentEvent(spelled(told(event)), event=event.type.value, id=str(event.seq))

    return respond(frames, **headers)


def respond(frames: Callable[[Waker], AsyncGenerator[ServerSentEvent]], **headers: str) -> EventSourceResponse:
    """Stream frames until they end, the server stops, or the stream grows too old."""
    waker = Waker()

    async def body() -> AsyncGenerator[ServerSentEvent]:
        end = asyncio.get_running_loop().call_later(LONGEST_S, waker.close)
        try:
            async with aclosing(frames(waker)) as following:
                async for frame in following:
                    yield frame
        finally:
            end.cancel()

    return EventSourceResponse(
        body(),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        ping=PING_S,
        send_timeout=SEND_S,
        # All that it does with the event is to set it: the follower then ends by itself, which closes the stream well.
        shutdown_event=cast(anyio.Event, SimpleNamespace(set=waker.close)),
        shutdown_grace_period=GRACE_S,
    )
