"""The support agent in one request, and the figures of tickets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from agents.registry import Crew
from naryad.auth import Role
from naryad.settings import Settings
from tests.server.applications import create
from tests.server.chatting import steps, talking_crew
from tests.server.conftest import Signed, SignedIn

URL = "/api/v1/support/chat"


@asynccontextmanager
async def supporting_crew(settings: Settings) -> AsyncIterator[Crew]:
    """A crew whose agents, `ops` and `support`, talk as they are told."""
    async with talking_crew(settings) as crew:
        crew.runs._graphs = {**crew.runs._graphs, "support": crew.runs._graphs["ops"]}
        yield replace(crew)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = create(settings, supporting_crew)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def user(sign_in: Signed) -> SignedIn:
    return await sign_in(Role.USER)


async def test_a_message_is_answered_in_its_conversation(client: httpx.AsyncClient, user: SignedIn) -> None:
    """What the client knows stands below the words; `thread` goes on where it was."""
    body = {"message": "It jams", "user_id": user.id, "context": {"page": "/print", "floor": 2, "none": None}}
    first = (await client.post(URL, json=body, headers=user.headers)).json()
    assert (first["status"], first["answer"]) == ("finished", "You said: It jams\npage: /print\nfloor: 2")
    body = {"message": "Still", "context": {"thread": first["thread"]}}
    second = (await client.post(URL, json=body, headers=user.headers | {"Idempotency-Key": "k"})).json()
    again = (await client.post(URL, json=body, headers=user.headers | {"Idempotency-Key": "k"})).json()
    assert (second["thread"], second["answer"]) == (first["thread"], "You said: Still")
    assert second["input"] == again["input"]
    threads = (await client.get("/api/v1/threads", headers=user.headers)).json()["threads"]
    assert [thread["agent"] for thread in threads] == ["support"]


async def test_nobody_speaks_for_another(client: httpx.AsyncClient, user: SignedIn, sign_in: Signed) -> None:
    """Neither by the body's user id nor in another's conversation; and a thread of another agent is not there."""
    boss = await sign_in(Role.ADMIN)
    theirs = (await client.post(URL, json={"message": "x"}, headers=user.headers)).json()["thread"]
    ops = (await client.post("/api/v1/agents/ops/threads", headers=boss.headers)).json()["id"]
    for context, user_id, status in (({}, user.id, 403), ({"thread": theirs}, None, 404), ({"thread": ops}, None, 404)):
        body = {"message": "Pay", "user_id": user_id, "context": context}
        assert (await client.post(URL, json=body, headers=boss.headers)).status_code == status
    messages = (await client.get(f"/api/v1/threads/{theirs}/messages", headers=user.headers)).json()["messages"]
    assert len(messages) == 2


async def test_a_run_that_broke_says_so(client: httpx.AsyncClient, user: SignedIn) -> None:
    """As a result, not as a broken server."""
    answer = await client.post(URL, json={"message": steps({"break": "a bug"})}, headers=user.headers)
    assert (answer.status_code, answer.json()["status"], answer.json()["message"]) == (
        200,
        "failed",
        "bug: RuntimeError",
    )


async def test_figures_are_for_those_who_help(client: httpx.AsyncClient, user: SignedIn, sign_in: Signed) -> None:
    """Of a period, by default the last month."""
    manager = await sign_in(Role.MANAGER)
    for who in (user, manager):
        await client.post("/api/v1/support/tickets", json={"text": "x", "priority": "low"}, headers=who.headers)
    await client.post("/api/v1/support/tickets/1/comments", json={"text": "Yes"}, headers=manager.headers)
    url = "/api/v1/support/tickets/statistics"
    assert (await client.get(url, headers=user.headers)).status_code == 403
    found = (await client.get(url, headers=manager.headers)).json()
    assert (found["total"]["tickets"], found["by_priority"]["low"]["tickets"]) == (2, 2)
    assert found["by_responder"]["person"]["first_response_p50_s"] > 0
    old = (await client.get(f"{url}?until=2020-01-01T00:00:00Z", headers=manager.headers)).json()
    assert (old["total"]["tickets"], old["total"]["rating"]) == (0, None)
