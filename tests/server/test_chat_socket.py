"""The WebSocket: who may hear what, nothing lost, and a client that does not listen is cut."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from naryad.auth import Person, Role
from naryad.events import FEED, EventType
from naryad.settings import Settings
from server.chat import socket as served
from server.parts import Parts
from tests.server.applications import create
from tests.server.chatting import listening, steps, talking_crew
from tests.server.conftest import Signed, SignedIn

Dial = Callable[..., Awaitable[ClientConnection]]


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = create(settings, talking_crew)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def dial(app: FastAPI) -> AsyncIterator[Dial]:
    """Open a connection, and show a token if there is one."""
    opened: list[ClientConnection] = []
    async with listening(app) as url:

        async def to_it(who: SignedIn | None = None, **options: Any) -> ClientConnection:
            if "sock" in options:
                options["sock"].setblocking(False)
                place = (url.rpartition("/")[2].partition(":")[0], int(url.rpartition(":")[2]))
                await asyncio.get_running_loop().sock_connect(options["sock"], place)
            opened.append(await connect(f"{url.replace('http', 'ws')}/api/v1/events", **options))
            if who:
                await say(opened[-1], token=who.token)
                assert "ready" in await hear(opened[-1])
            return opened[-1]

        yield to_it
        for connection in opened:
            await connection.close()


async def say(connection: ClientConnection, **command: Any) -> None:
    await connection.send(json.dumps(command))


async def hear(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(90):
        heard: dict[str, Any] = json.loads(await connection.recv())
    return heard


async def end_of(connection: ClientConnection) -> int:
    """The code that the connection is closed with."""

    async def heard_out() -> None:
        with suppress(ConnectionClosedError):
            async for _message in connection:
                pass

    await asyncio.wait_for(heard_out(), 20)
    assert connection.close_code
    return connection.close_code


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"subscribe": {"thread": "t"}}, served.UNAUTHORIZED),
        ({"token": "wrong"}, served.UNAUTHORIZED),
        ({"token": "wrong", "more": 1}, served.BAD),
        ({}, served.BAD),
        ([], served.BAD),
    ],
)
async def test_nobody_hears_anything_without_a_token(dial: Dial, first: Any, code: int) -> None:
    """The first message must hold one that is good."""
    connection = await dial()
    await connection.send(json.dumps(first))
    assert await end_of(connection) == code


async def test_silence_is_no_token(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says nothing for a while is cut."""
    monkeypatch.setattr(served, "FIRST_S", 0.1)
    assert await end_of(await dial()) == served.UNAUTHORIZED


async def test_an_old_token_must_be_renewed(dial: Dial, sign_in: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another one the connection ends; somebody else's does not do."""
    anna, boris = await sign_in(), await sign_in()
    connection = await dial(anna)
    await say(connection, token=boris.token)
    assert await end_of(connection) == served.UNAUTHORIZED
    monkeypatch.setattr(served, "LONGEST_S", 0.3)
    assert await end_of(await dial(anna)) == served.UNAUTHORIZED


async def test_own_threads_and_no_others_are_heard(dial: Dial, sign_in: Signed, parts: Parts) -> None:
    """From the number that was asked for, as they come; another's thread is not there, and the line stays open."""
    anna, boris = await sign_in(), await sign_in()
    await parts.crew.runs.submit("t", "ops", f"account:{anna.id}", {"text": "one"})
    theirs, ours = await dial(boris), await dial(anna)
    await say(theirs, subscribe={"thread": "t"})
    assert "error" in await hear(theirs)
    await say(theirs, subscribe={"thread": FEED})
    assert "error" in await hear(theirs)
    await say(ours, subscribe={"thread": "t", "after": 1})
    assert await hear(ours) == {"subscribed": "t", "after": 1}
    await parts.crew.runs.submit("t", "ops", f"account:{anna.id}", {"text": "two"})
    told = [await hear(ours) for _ in range(5)]
    assert [(t["thread"], t["seq"]) for t in told] == [("t", n) for n in range(2, 7)]
    assert [t["type"] for t in told] == ["message", "run.finished", "input", "message", "run.finished"]
    await say(ours, unsubscribe={"thread": "t"})


async def test_the_feed_is_for_operators(dial: Dial, sign_in: Signed, parts: Parts) -> None:
    """It tells of every thread's approvals, from now on or from a number."""
    operator, user = await dial(await sign_in(Role.OPERATOR)), await dial(await sign_in(Role.USER))
    await say(user, subscribe={"feed": True})
    assert "error" in await hear(user)
    await say(operator, subscribe={"feed": True})
    assert (await hear(operator))["subscribed"] == FEED
    await parts.crew.runs.submit("t", "ops", "local:anna", {"text": steps({"fire": "x"})})
    told = await hear(operator)
    assert (told["thread"], told["type"]) == ("t", "approval.requested")


async def test_a_client_that_does_not_read_is_cut(
    dial: Dial, sign_in: Signed, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a code, after a while; it holds one page of events meanwhile, and others hear all the same."""
    monkeypatch.setattr(served, "SEND_S", 2)
    anna = await sign_in()
    events = parts.crew.runtime.events
    await parts.crew.runs.submit("t", "ops", f"account:{anna.id}", {"text": "x"})
    for _ in range(100):
        await events.append("t", EventType.STATUS, text="x" * 100_000)
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 300_000)  # or the kernel would listen for it
    deaf = await dial(anna, max_queue=1, sock=small, compression=None)
    await say(deaf, subscribe={"thread": "t"})
    quick = await dial(anna)
    await say(quick, subscribe={"thread": "t"})
    assert "subscribed" in await hear(quick)
    assert [(await hear(quick))["seq"] for _ in range(103)] == list(range(1, 104))
    await asyncio.sleep(3)
    assert await end_of(deaf) == served.SLOW


async def test_a_refusal_names_the_field(dial: Dial, sign_in: Signed) -> None:
    """So that who writes a client sees what is wrong; a token that stood there is not told back."""
    connection = await dial(await sign_in())
    await say(connection, subscribe={"thread": "t", "after": "s3cret"})
    assert await end_of(connection) == served.BAD
    assert "subscribe.after" in str(connection.close_reason)
    assert "s3cret" not in str(connection.close_reason)


async def test_an_account_s_commands_are_limited(dial: Dial, sign_in: Signed, parts: Parts) -> None:
    """On all its connections together; the reason says how long to wait, and another account goes on."""
    most = parts.settings.socket_commands
    anna, boris = await sign_in(), await sign_in()
    first, second, other = await dial(anna), await dial(anna), await dial(boris)
    for _command in range(most + 1):
        await say(first, unsubscribe={"thread": "t"})
    assert await end_of(first) == served.TOO_MUCH
    await say(second, unsubscribe={"thread": "t"})
    assert await end_of(second) == served.TOO_MUCH
    assert f"{most} a minute" in str(first.close_reason)
    await say(other, subscribe={"thread": "t"})
    assert "error" in await hear(other)


async def test_an_account_s_streams_are_limited(app: FastAPI, dial: Dial, sign_in: Signed, parts: Parts) -> None:
    """WebSockets and SSE together; who closes one may open another; nothing was begun for who was refused."""
    anna, boris = await sign_in(), await sign_in()
    own = await parts.threads.open("ops", Person(f"account:{anna.id}", frozenset({Role.USER})))
    async with listening(app) as url, httpx.AsyncClient(base_url=url, headers=anna.headers) as client:
        path = f"/api/v1/threads/{own.id}/events"
        async with client.stream("GET", path) as sse:
            assert sse.status_code == 200
            sockets = [await dial(anna) for _ in range(parts.settings.streams - 1)]
            refused = await dial()
            await say(refused, token=anna.token)
            assert await end_of(refused) == served.TOO_MUCH
            assert "too many streams" in str(refused.close_reason)
            for answer in (
                await client.get(path),
                await client.post(f"/api/v1/threads/{own.id}/runs?wait=true", json={"text": "x"}),
                await client.post(
                    "/v1/chat/completions", json={"model": "ops", "messages": [{"role": "user", "content": "x"}]}
                ),
            ):
                assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_streams")
            assert await parts.threads.messages(own.id) == []
            await dial(boris)
        await sockets.pop().close()
        async with asyncio.timeout(90):
            while True:  # the server learns of the end a moment later
                async with client.stream("GET", path) as sse:
                    if sse.status_code == 200:
                        break


@pytest.mark.slow
async def test_a_hundred_clients_lose_nothing(dial: Dial, sign_in: Signed, parts: Parts) -> None:
    """Each of a hundred connections hears every event of the feed once, in order, while threads run at once."""
    people = [await sign_in() for _ in range(5)]
    clients = [await dial(people[number % 5]) for number in range(100)]
    for client in clients:
        await say(client, subscribe={"feed": True, "after": 0})
        await hear(client)
    asking = [parts.crew.runs.submit(f"t{n}", "ops", "local:anna", {"text": steps({"fire": "x"})}) for n in range(30)]
    await asyncio.gather(*asking)
    for client in clients:
        assert [(await hear(client))["seq"] for _ in range(30)] == list(range(1, 31))
