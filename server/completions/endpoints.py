"""OpenAI's chat completions: any client of them may talk with an agent, as a model of that name."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from sse_starlette import ServerSentEvent

from naryad.tails import Waker
from server import stream
from server.access import Chatting
from server.chat import service as chat
from server.chat.schemas import ID_CHARS
from server.completions import service
from server.completions.errors import OpenAIRoute, answers
from server.completions.schemas import Answer, ChatCompletion, Choice, Completion, Model, Models
from server.parts import Using

router = APIRouter(
    prefix="/v1",
    tags=["completions"],
    route_class=OpenAIRoute,
    responses=answers(400, 401, 403, 413, 429),
)


@router.get("/models")
async def models(parts: Using, caller: Chatting) -> Models:
    """The agents that you may talk with."""
    return Models(data=[Model(id=name) for name in service.models(parts, caller)])


@router.post(
    "/chat/completions",
    responses={200: {"model": ChatCompletion, **stream.EVENT_STREAM}, **answers(404, 409, 503)},
)
async def complete(
    asked: Completion,
    parts: Using,
    caller: Chatting,
    counted: stream.Counted,
    x_thread_id: Annotated[str, Header(max_length=ID_CHARS)] = "",
    idempotency_key: Annotated[str, Header(max_length=255)] = "",
) -> Response:
    """Ask an agent; the last message is the question. `X-Thread-Id`, or `metadata.thread`, names the conversation."""
    thread, earlier = await service.thread_of(parts, caller, asked, x_thread_id)
    counted()
    queued = await chat.begin(parts, caller, thread, asked.question, idempotency_key, earlier=earlier)
    telling = service.Telling(parts, thread)
    facts = {"id": f"chatcmpl-{queued}", "created": service.stamp(), "model": asked.model}
    if not asked.stream:
        waker = Waker()
        end = asyncio.get_running_loop().call_later(stream.LONGEST_S, waker.close)
        async for _pieces in service.tell(parts, thread, queued, telling, waker):
            pass
        end.cancel()
        choices = [Choice(message=Answer(content=telling.text))]
        whole = ChatCompletion(**facts, choices=choices, usage=telling.usage(asked), thread=thread.id)
        return JSONResponse(whole.model_dump(), headers={"X-Thread-Id": thread.id})

    async def frames(waker: Waker) -> AsyncGenerator[ServerSentEvent]:
        def chunk(delta: dict[str, Any], **changed: Any) -> ServerSentEvent:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **changed}
            return spelled([choice], None)

        def spelled(choices: list[Any], usage: Any) -> ServerSentEvent:
            counted = {"usage": usage} if with_usage else {}
            body = {**facts, "object": "chat.completion.chunk", "choices": choices, **counted, "thread": thread.id}
            return ServerSentEvent(stream.spelled(body))

        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        yield chunk({"role": "assistant", "content": ""})
        async for pieces in service.tell(parts, thread, queued, telling, waker):
            for piece in pieces:
                yield chunk({"content": piece})
        yield chunk({}, finish_reason="stop")
        if with_usage:
            yield spelled([], telling.usage(asked).model_dump())
        yield ServerSentEvent("[DONE]")

    return stream.respond(frames, X_Thread_Id=thread.id)
