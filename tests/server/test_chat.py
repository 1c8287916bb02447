"""The chat API: whose threads they are, what runs there, and how they are forgotten."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import select

from naryad.auth import Role
from naryad.clock import new_id
from naryad.db.models.event import EventRow
from naryad.db.models.gate import Approval, ApprovalStatus, AuditRow
from naryad.db.models.thread import Thread
from naryad.settings import Settings
from server.parts import Parts
from tests.server.applications import create
from tests.server.chatting import steps, talking_crew
from tests.server.conftest import Signed, SignedIn

ASK = steps({"fire": "x"}, {"message": "Done."})


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = create(settings, talking_crew)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def anna(sign_in: Signed) -> SignedIn:
    return await sign_in(Role.OPERATOR)


@pytest.fixture
async def chat(client: httpx.AsyncClient, anna: SignedIn) -> httpx.AsyncClient:
    client.headers.update(anna.headers)
    return client


async def begin(chat: httpx.AsyncClient) -> str:
    answer = await chat.post("/api/v1/agents/ops/threads")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_question_is_answered(chat: httpx.AsyncClient) -> None:
    """Waited for, the result holds the answer, and the thread's history both sides of the talk."""
    thread = await begin(chat)
    answer = await chat.post(f"/api/v1/threads/{thread}/runs?wait=true", json={"text": "Is web well?"})
    assert (answer.status_code, answer.json()["status"], answer.json()["outcome"]) == (200, "finished", "said")
    assert answer.json()["answer"] == "You said: Is web well?"
    said = (await chat.get(f"/api/v1/threads/{thread}/messages")).json()["messages"]
    assert [(m["role"], m["text"]) for m in said] == [
        ("user", "Is web well?"),
        ("assistant", "You said: Is web well?"),
    ]
    state = (await chat.get(f"/api/v1/threads/{thread}/state")).json()
    assert state == {"status": "idle", "approvals": [], "answer": "You said: Is web well?"}
    assert (await chat.get("/api/v1/threads")).json()["threads"][0]["title"] == "Is web well?"


async def test_without_waiting_the_run_goes_on_in_the_background(chat: httpx.AsyncClient) -> None:
    """202 with the input's id at once; a second input waits its turn behind the first."""
    thread = await begin(chat)
    slow = steps({"say": "w", "times": 5, "pause": 0.05}, {"message": "slow"})
    first = await chat.post(f"/api/v1/threads/{thread}/runs", json={"text": slow})
    assert (first.status_code, first.json()["status"]) == (202, "running")
    second = await chat.post(f"/api/v1/threads/{thread}/runs?wait=true", json={"text": "quick"})
    assert second.json()["answer"] == "You said: quick"
    told = (await chat.get(f"/api/v1/threads/{thread}/messages")).json()["messages"]
    assert [m["text"] for m in told if m["role"] == "assistant"] == ["slow", "You said: quick"]


async def test_the_same_key_is_the_same_run(chat: httpx.AsyncClient, parts: Parts) -> None:
    """While it runs and after it has finished; with another text it is refused."""
    thread = await begin(chat)
    path, key = f"/api/v1/threads/{thread}/runs?wait=true", {"Idempotency-Key": "one"}
    both = await asyncio.gather(*(chat.post(path, json={"text": "hello"}, headers=key) for _ in range(2)))
    later = await chat.post(path, json={"text": "hello"}, headers=key)
    assert len({answer.json()["input"] for answer in [*both, later]}) == 1
    assert later.json()["answer"] == "You said: hello"
    assert (await chat.post(path, json={"text": "other"}, headers=key)).status_code == 409
    assert (await chat.post(path, json={"text": "hello"})).json()["input"] != later.json()["input"]


async def test_a_question_to_people_is_waited_for_and_can_be_cancelled(chat: httpx.AsyncClient, parts: Parts) -> None:
    """The state names the approval; cancelling withdraws it, and later input runs."""
    thread = await begin(chat)
    run = await chat.post(f"/api/v1/threads/{thread}/runs?wait=true", json={"text": ASK})
    [asked] = run.json()["approvals"]
    assert run.json()["status"] == "waiting"
    state = (await chat.get(f"/api/v1/threads/{thread}/state")).json()
    assert (state["status"], [a["id"] for a in state["approvals"]]) == ("waiting", [asked])
    behind = await chat.post(f"/api/v1/threads/{thread}/runs?wait=true", json={"text": "approve"})
    assert (behind.json()["status"], behind.json()["approvals"]) == ("waiting", [asked])
    assert (await chat.delete(f"/api/v1/threads/{thread}")).status_code == 409
    cancelled = await chat.post(f"/api/v1/threads/{thread}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "idle")
    assert (await parts.crew.gate.approvals.get(asked)).status is ApprovalStatus.WITHDRAWN
    later = await chat.post(f"/api/v1/threads/{thread}/runs?wait=true", json={"text": "later"})
    assert later.json()["answer"] == "You said: later"
    assert (await chat.post(f"/api/v1/threads/{thread}/cancel")).status_code == 409


async def test_a_broken_run_says_so(chat: httpx.AsyncClient) -> None:
    """The result and the state tell that it failed, and nothing of why that is ours to know."""
    thread = await begin(chat)
    run = await chat.post(f"/api/v1/threads/{thread}/runs?wait=true", json={"text": steps({"break": "secret"})})
    assert (run.json()["status"], run.json()["message"]) == ("failed", "bug: RuntimeError")
    while (state := (await chat.get(f"/api/v1/threads/{thread}/state")).json())["status"] == "running":
        await asyncio.sleep(0.01)
    assert state["status"] == "failed"


ROUTES = [
    ("POST", "runs", {"text": "x"}),
    ("GET", "events", None),
    ("GET", "state", None),
    ("GET", "messages", None),
    ("POST", "cancel", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "part", "body"), ROUTES)
async def test_another_persons_thread_is_not_there(
    chat: httpx.AsyncClient, sign_in: Signed, method: str, part: str, body: object
) -> None:
    """The same words as for a thread that never was, also to an administrator."""
    thread = await begin(chat)
    boris = await sign_in(Role.ADMIN)
    answers = []
    for name in (thread, new_id()):
        path = f"/api/v1/threads/{name}/{part}".rstrip("/")
        answer = await chat.request(method, path, json=body, headers=boris.headers)
        answers.append((answer.status_code, answer.json()["error"]["message"].replace(name, "ID")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert (await chat.get(f"/api/v1/threads/{thread}/state")).status_code == 200


async def test_an_agent_is_for_those_who_may_talk_with_it(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """To a plain user the Ops agent does not exist; a role that is taken away ends the talk, too."""
    user, anna = await sign_in(Role.USER), await sign_in(Role.OPERATOR)
    assert (await client.get("/api/v1/agents", headers=user.headers)).json() == {"agents": []}
    assert (await client.get("/api/v1/agents", headers=anna.headers)).json() == {"agents": ["ops"]}
    for agent in ("ops", "nobody"):
        assert (await client.post(f"/api/v1/agents/{agent}/threads", headers=user.headers)).status_code == 404


async def test_threads_are_found_by_page_title_and_agent(chat: httpx.AsyncClient, parts: Parts) -> None:
    """The newest first, by a cursor; a text is looked for in any case, Cyrillic too."""
    made = []
    for title in ("Проверь ВЕБ", "disk", "веб снова", "other"):
        made.append((await chat.post("/api/v1/agents/ops/threads", json={"title": title})).json()["id"])
    first = (await chat.get("/api/v1/threads?limit=3")).json()
    rest = (await chat.get("/api/v1/threads", params={"limit": 3, "cursor": first["next"]})).json()
    assert [t["id"] for t in first["threads"] + rest["threads"]] == made[::-1]
    assert rest["next"] is None
    found = (await chat.get("/api/v1/threads", params={"text": "вЕб"})).json()["threads"]
    assert [t["id"] for t in found] == [made[2], made[0]]
    assert (await chat.get("/api/v1/threads", params={"agent": "sales"})).json()["threads"] == []


async def test_the_monitorings_threads_are_for_operators_to_see(
    chat: httpx.AsyncClient, parts: Parts, sign_in: Signed
) -> None:
    """Nobody may speak in its name, nor erase what it began."""
    await parts.crew.runs.submit("alarm", "ops", "system:alertmanager", {"text": "fire"})
    assert [t["id"] for t in (await chat.get("/api/v1/threads")).json()["threads"]] == ["alarm"]
    assert (await chat.get("/api/v1/threads/alarm/state")).status_code == 200
    assert (await chat.post("/api/v1/threads/alarm/runs", json={"text": "x"})).status_code == 403
    assert (await chat.delete("/api/v1/threads/alarm")).status_code == 403
    user = await sign_in(Role.USER)
    assert (await chat.get("/api/v1/threads/alarm/state", headers=user.headers)).status_code == 404


async def test_an_erased_thread_is_nowhere(chat: httpx.AsyncClient, parts: Parts, settings: Settings) -> None:
    """Not in any file of the install; the audit and the approval stay."""
    thread = await begin(chat)
    word = "unforgettable"
    told = steps({"say": word}, {"message": word}, {"fire": "x"})
    await chat.post(f"/api/v1/threads/{thread}/runs?wait=true", json={"text": told})
    assert (await chat.post(f"/api/v1/threads/{thread}/cancel")).status_code == 200
    assert (await chat.delete(f"/api/v1/threads/{thread}")).status_code == 204
    assert (await chat.get(f"/api/v1/threads/{thread}/state")).status_code == 404
    async with parts.crew.runtime.database.read() as session:
        events = (await session.exec(select(EventRow))).all()
        assert [event.data for event in events if event.thread_id == thread or word in str(event.data)] == []
        assert (await session.exec(select(Thread))).all() == []
        assert [a.thread_id for a in (await session.exec(select(Approval))).all()] == [thread]
        assert thread in {row.thread_id for row in (await session.exec(select(AuditRow))).all()}
    saved = await parts.crew.runtime.checkpointer.aget_tuple({"configurable": {"thread_id": thread}})
    assert saved is None
    assert await asyncio.to_thread(_left_in, settings.home / "naryad.db", f'%"thread": "{thread}"%') == []


def _left_in(file: Path, like: str) -> list[str]:
    """Feed events that still say more than that something was erased."""
    import sqlite3

    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT data FROM event WHERE data LIKE ? AND data NOT LIKE '%erased%'", [like])
        return [str(row[0]) for row in rows]
