"""Streams of the chat API on real sockets: nothing is lost and nothing comes twice, whatever breaks between."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest
from fastapi import FastAPI
from sse_starlette import ServerSentEvent

from naryad.auth import Role
from naryad.events import EventType
from naryad.settings import Settings
from server import stream
from server.parts import Parts
from tests.server.applications import create
from tests.server.chatting import Frame, frames, listening, read, steps, talking_crew
from tests.server.conftest import Signed

WORDS = {"say": "w", "times": 30, "pause": 0.02}
TALK = steps(WORDS, {"message": "all said"})


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = create(settings, talking_crew)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def chat(app: FastAPI, sign_in: Signed) -> AsyncIterator[httpx.AsyncClient]:
    anna = await sign_in(Role.OPERATOR)
    async with listening(app) as url, httpx.AsyncClient(base_url=url, headers=anna.headers, timeout=30) as opened:
        yield opened


async def begin(chat: httpx.AsyncClient) -> str:
    return str((await chat.post("/api/v1/agents/ops/threads")).json()["id"])


def spoken(told: list[Frame]) -> str:
    """The tokens that were not withdrawn."""
    text = ""
    for frame in told:
        if frame.type == "token":
            text += frame.data["data"]["text"]
        elif frame.type == "reset":
            text = ""
    return text


async def run(chat: httpx.AsyncClient, thread: str, text: str) -> list[Frame]:
    path = f"/api/v1/threads/{thread}/runs"
    return await read(chat, "POST", path, json={"text": text}, headers={"Accept": "text/event-stream"})


async def test_a_run_is_streamed_from_its_input_to_its_end(chat: httpx.AsyncClient) -> None:
    """Ids count up, the words come in order, and the stream ends by itself."""
    told = await run(chat, await begin(chat), TALK)
    assert [frame.id for frame in told] == list(range(1, len(told) + 1))
    assert (told[0].type, told[-2].type, told[-1].type) == ("input", "message", "run.finished")
    assert spoken(told).split() == [f"w{n}" for n in range(30)]
    assert told[0].data["type"] == "input"


async def test_a_stream_shows_its_own_run_only(chat: httpx.AsyncClient) -> None:
    """What runs before it in the thread is left out; two at once run in order."""
    thread = await begin(chat)
    first = asyncio.create_task(run(chat, thread, TALK))
    while not (await chat.get(f"/api/v1/threads/{thread}/messages")).json()["messages"]:
        await asyncio.sleep(0.01)
    second = await run(chat, thread, "hello")
    assert [frame.type for frame in second] == ["input", "message", "run.finished"]
    assert second[1].id > (await first)[-1].id


@pytest.mark.parametrize("what", ["fire", "break"])
async def test_a_stream_ends_where_the_run_can_go_no_further(chat: httpx.AsyncClient, what: str) -> None:
    """When it waits for people, and when it broke."""
    told = await run(chat, await begin(chat), steps({"say": "w"}, {what: "x"}))
    assert told[-1].type == {"fire": "run.waiting", "break": "run.failed"}[what]


async def test_an_attempt_that_was_withdrawn_is_no_part_of_history(chat: httpx.AsyncClient) -> None:
    """The stream tells of the reset; the messages know only what stands."""
    thread = await begin(chat)
    told = await run(chat, thread, steps({"say": "bad"}, {"reset": "broke off"}, {"say": "good"}, {"message": "good"}))
    assert "reset" in [frame.type for frame in told]
    assert spoken(told) == "good0 "
    said = (await chat.get(f"/api/v1/threads/{thread}/messages")).json()["messages"]
    assert [m["text"] for m in said if m["role"] == "assistant"] == ["good"]


async def test_a_broken_stream_goes_on_where_it_was(chat: httpx.AsyncClient) -> None:
    """A client that leaves after each few events and comes back with Last-Event-ID reads each event once."""
    thread, seen, path = await begin(chat), 0, ""
    path = f"/api/v1/threads/{thread}/events"
    await chat.post(f"/api/v1/threads/{thread}/runs", json={"text": TALK})
    told: list[Frame] = []
    while not told or told[-1].type != "run.finished":
        async with chat.stream("GET", path, headers={"Last-Event-ID": str(seen)}) as answer:
            taken = 0
            async for frame in frames(answer):
                told.append(frame)
                seen, taken = frame.id, taken + 1
                if taken == 3 or frame.type == "run.finished":
                    break
    assert [frame.id for frame in told] == list(range(1, len(told) + 1))
    assert spoken(told).split() == [f"w{n}" for n in range(30)]
    assert [frame.id for frame in await read(chat, "GET", f"{path}?until=finished&after=2")] == [f.id for f in told[2:]]
    assert await read(chat, "GET", f"{path}?until=finished&after={told[-1].id}") == []


async def test_the_run_goes_on_without_its_client(chat: httpx.AsyncClient) -> None:
    """Leaving in the middle ends the stream and nothing else."""
    thread = await begin(chat)
    path, accept = f"/api/v1/threads/{thread}/runs", {"Accept": "text/event-stream"}
    async with chat.stream("POST", path, json={"text": TALK}, headers=accept) as answer:
        async for frame in frames(answer):
            if frame.type == "token":
                break
    all_told = await read(chat, "GET", f"/api/v1/threads/{thread}/events?until=finished")
    assert all_told[-1].type == "run.finished"


async def test_an_idle_stream_is_kept_alive_and_ends_in_time(
    chat: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments come while nothing happens; a stream lives no longer than a token does, and ends well."""
    monkeypatch.setattr(stream, "PING_S", 0.05)
    monkeypatch.setattr(stream, "LONGEST_S", 0.5)
    async with chat.stream("GET", f"/api/v1/threads/{await begin(chat)}/events") as answer:
        lines = [line async for line in answer.aiter_lines()]
    assert any(line.startswith(": ping") for line in lines)


async def test_streams_end_well_when_the_server_is_told_to_stop(parts: Parts) -> None:
    """The bell of sse-starlette closes the follower, so that the body has its end."""
    events = parts.crew.runtime.events
    await events.append("t", EventType.STATUS, text="x")
    answer = stream.sse(lambda waker: events.follow("t", 0, waker))
    assert answer._shutdown_event
    asyncio.get_running_loop().call_later(0.2, answer._shutdown_event.set)
    assert [cast(ServerSentEvent, frame).event async for frame in answer.body_iterator] == ["status"]
