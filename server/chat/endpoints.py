"""The chat API: threads, what is said in them, and what becomes of it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Response, WebSocket
from fastapi.responses import JSONResponse

from naryad.run_events import of_run
from server import errors, stream
from server.access import Chatting, Public
from server.chat import service
from server.chat.schemas import (
    ID_CHARS,
    Agents,
    Message,
    MessagePage,
    NewRun,
    NewThread,
    Run,
    Seq,
    State,
    Thread,
    ThreadPage,
)
from server.chat.socket import Conversation
from server.parts import Using

router = APIRouter(prefix="/api/v1", tags=["chat"], responses=errors.answers(401, 403, 413, 422))
ThreadId = Annotated[str, Path(max_length=ID_CHARS)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/agents")
async def agents(parts: Using, caller: Chatting) -> Agents:
    """The agents that you may talk with."""
    return Agents(agents=service.agents(parts, caller))


@router.post("/agents/{agent}/threads", status_code=201, responses=errors.answers(404))
async def open_thread(
    agent: Annotated[str, Path(max_length=ID_CHARS)], parts: Using, caller: Chatting, body: NewThread | None = None
) -> Thread:
    """Begin a conversation."""
    service.check_agent(parts, caller, agent)
    return Thread.of(await parts.threads.open(agent, caller.person, body.title if body else ""))


@router.get("/threads")
async def threads(
    parts: Using,
    caller: Chatting,
    cursor: Annotated[str, Query(max_length=ID_CHARS)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
    agent: Annotated[str, Query(max_length=ID_CHARS)] = "",
    limit: Limit = 50,
) -> ThreadPage:
    """Your conversations, the newest first; for operators also those of the monitoring."""
    found = await parts.threads.listed(caller.person, before=cursor, text=text, agent=agent, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return ThreadPage(threads=[Thread.of(row) for row in found], next=more)


@router.post(
    "/threads/{thread_id}/runs",
    responses={
        200: {"model": Run, **stream.EVENT_STREAM, "description": "The result, or the stream of the run's events"},
        202: {"model": Run, "description": "Accepted; it runs"},
        **errors.answers(404, 409),
    },
)
async def run(
    thread_id: ThreadId,
    body: NewRun,
    parts: Using,
    caller: Chatting,
    counted: stream.Counted,
    accept: Annotated[str, Header()] = "",
    idempotency_key: Annotated[str, Header(max_length=255)] = "",
    wait: bool = False,
) -> Response:
    """Say something. `Accept: text/event-stream` streams the run until it finishes, fails or waits for people.

    With an `Idempotency-Key` that came before, nothing is said again: the answer tells of the first run.
    """
    thread = await parts.threads.get(thread_id, caller.person)
    if wait or "text/event-stream" in accept:
        counted()
    queued = await service.begin(parts, caller, thread, body.text, idempotency_key)
    if "text/event-stream" in accept:
        return stream.sse(lambda waker: of_run(parts.crew.runtime.events, thread_id, queued, waker))
    done = Run(thread=thread_id, input=queued, status="running")
    if wait:
        done = await service.result(parts, thread_id, queued)
    return JSONResponse(done.model_dump(), 202 if done.status == "running" else 200)


@router.get(
    "/threads/{thread_id}/events", response_model=None, responses={200: stream.EVENT_STREAM, **errors.answers(404)}
)
async def events(
    thread_id: ThreadId,
    parts: Using,
    caller: Chatting,
    counted: stream.Counted,
    after: Annotated[Seq, Query()] = 0,
    last_event_id: Annotated[Seq | None, Header()] = None,
    until: Literal["finished"] | None = None,
) -> Response:
    """Everything that happens in a conversation, from the beginning or after a number, as it comes (SSE)."""
    thread = await parts.threads.get(thread_id, caller.person)
    counted()
    begin = after if last_event_id is None else last_event_id
    if until:
        return stream.sse(lambda waker: service.until_finished(parts, thread, begin, waker))
    return stream.sse(lambda waker: parts.crew.runtime.events.follow(thread_id, begin, waker))


@router.get("/threads/{thread_id}/state", responses=errors.answers(404))
async def state(thread_id: ThreadId, parts: Using, caller: Chatting) -> State:
    """Where a conversation stands, and what it waits for."""
    return State.of(await parts.threads.standing(await parts.threads.get(thread_id, caller.person)))


@router.post("/threads/{thread_id}/cancel", responses=errors.answers(404, 409))
async def cancel(thread_id: ThreadId, parts: Using, caller: Chatting) -> State:
    """End what runs, withdraw its questions, and forget what was said behind it."""
    thread = await parts.threads.get(thread_id, caller.person)
    await parts.driver.cancel(thread_id, caller.person.id)
    return State.of(await parts.threads.standing(thread))


@router.get("/threads/{thread_id}/messages", responses=errors.answers(404))
async def messages(
    thread_id: ThreadId, parts: Using, caller: Chatting, after: Annotated[Seq, Query()] = 0, limit: Limit = 100
) -> MessagePage:
    """What was said, in order."""
    await parts.threads.get(thread_id, caller.person)
    found = await parts.threads.messages(thread_id, after=after, limit=limit)
    more = found[-1].seq if len(found) == limit else None
    return MessagePage(messages=[Message.of(event) for event in found], next=more)


@router.delete("/threads/{thread_id}", status_code=204, responses=errors.answers(404, 409))
async def erase(thread_id: ThreadId, parts: Using, caller: Chatting) -> None:
    """Forget a conversation everywhere; the audit stays."""
    service.check_own(await parts.threads.get(thread_id, caller.person), caller)
    await parts.threads.erase(thread_id)


@router.websocket("/events")
async def socket(connection: WebSocket, parts: Using, _shown_in_the_first_message: Public) -> Any:
    """Events of many threads on one connection; see `Command` for what a client sends."""
    await Conversation(connection, parts).hold()
