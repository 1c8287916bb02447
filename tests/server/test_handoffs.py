"""Handoffs over the API: who answers a user instead of the agent, and what the user sees of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from naryad.auth import Role
from naryad.db.models.thread import Thread
from naryad.events import EventType
from naryad.handoffs import Brief, handoffs
from server.parts import Parts
from tests.server.conftest import Signed, SignedIn

PATH = "/api/v1/handoffs"
Opened = Callable[..., Awaitable[str]]


@pytest.fixture
def opened(parts: Parts) -> Opened:
    """Let the agent hand a thread over; returns the handoff's id."""

    async def hand_over(thread: str = "t", principal: str = "account:user") -> str:
        async with parts.crew.runtime.database.write() as session:
            session.add(Thread(id=thread, agent="support", principal=principal, title="My printer"))
        await parts.crew.runtime.events.append(thread, EventType.INPUT, input="i1", text="It is dead. Call somebody!")
        await parts.crew.handoffs.say(thread, "A person will answer.")
        return (await parts.crew.handoffs.open(thread, "i1", Brief("A dead printer", ["restart"], "high"))).id

    return hand_over


async def test_a_handoff_is_worked_on_to_its_end(client: httpx.AsyncClient, sign_in: Signed, opened: Opened) -> None:
    """Seen, taken, answered once however often it is sent, and returned."""
    op, other = await sign_in(), await sign_in(Role.MANAGER)
    one = f"{PATH}/{await opened()}"
    (line,) = (await client.get(PATH, params={"show": "open"}, headers=other.headers)).json()["handoffs"]
    assert (line["summary"], line["urgency"], line["status"]) == ("A dead printer", "high", "open")
    taken = await client.post(f"{one}/take", headers=op.headers)
    assert (taken.status_code, taken.json()["taken_by"]) == (200, f"account:{op.id}")
    assert (await client.post(f"{one}/take", headers=other.headers)).status_code == 409
    for _again in range(2):
        said = await client.post(
            f"{one}/replies", json={"text": "I am on my way."}, headers=op.headers | {"Idempotency-Key": "k"}
        )
        assert said.status_code == 201
    assert (await client.post(f"{one}/replies", json={"text": "No!"}, headers=other.headers)).status_code == 409
    talk = [(words["speaker"], words["text"]) for words in said.json()["conversation"]]
    assert talk == [
        ("user", "It is dead. Call somebody!"), ("agent", "A person will answer."), ("person", "I am on my way."),
    ]  # fmt: skip
    mine = (await client.get(PATH, params={"show": "mine"}, headers=op.headers)).json()["handoffs"]
    assert [handoff["id"] for handoff in mine] == [line["id"]]
    assert (await client.get(PATH, params={"show": "mine"}, headers=other.headers)).json()["handoffs"] == []
    assert (await client.post(f"{one}/return", headers=other.headers)).status_code == 409
    assert (await client.post(f"{one}/return", headers=op.headers)).json()["status"] == "returned"
    assert (await client.post(f"{one}/replies", json={"text": "?"}, headers=op.headers)).status_code == 409
    assert (await client.get(PATH, headers=op.headers)).json()["handoffs"] == []
    assert len((await client.get(PATH, params={"show": "all"}, headers=op.headers)).json()["handoffs"]) == 1


async def test_the_user_reads_what_a_person_says(
    client: httpx.AsyncClient, sign_in: Signed, opened: Opened, parts: Parts
) -> None:
    """It stands in their own conversation; the words of others do not, and the handoff itself is not theirs to see."""
    user, op = await sign_in(Role.USER), await sign_in()
    handoff = await opened(principal=f"account:{user.id}")
    await client.post(f"{PATH}/{handoff}/replies", json={"text": "Good day!"}, headers=op.headers)
    said = (await client.get("/api/v1/threads/t/messages", headers=user.headers)).json()["messages"]
    assert [message["text"] for message in said][-1] == "Good day!"
    assert (await client.get(f"{PATH}/{handoff}", headers=user.headers)).status_code == 403
    told = [str(event.data) for event in await parts.crew.runtime.events.since("t")]
    assert not any(secret in line for line in told for secret in ("A dead printer", op.email))


async def test_a_thread_is_not_deleted_from_under_a_person(
    client: httpx.AsyncClient, sign_in: Signed, opened: Opened, parts: Parts
) -> None:
    """Only once it was returned; then what was handed over goes with it."""
    await parts.crew.runs.submit(
        "any", "ops", "local:x", {"calls": []}
    )  # the checkpoints' tables come with a first run
    user, op = await sign_in(Role.USER), await sign_in()
    handoff = await opened(principal=f"account:{user.id}")
    assert (await client.delete("/api/v1/threads/t", headers=user.headers)).status_code == 409
    await client.post(f"{PATH}/{handoff}/return", headers=op.headers)
    assert (await client.delete("/api/v1/threads/t", headers=user.headers)).status_code == 204
    assert (await client.get(f"{PATH}/{handoff}", headers=op.headers)).status_code == 404


async def test_pages_follow_each_other(client: httpx.AsyncClient, sign_in: Signed, opened: Opened) -> None:
    """The newest first, each once."""
    op = await sign_in()
    made = [await opened(f"t{n}") for n in range(3)]
    first = (await client.get(PATH, params={"limit": 2}, headers=op.headers)).json()
    rest = (await client.get(PATH, params={"limit": 2, "cursor": first["next"]}, headers=op.headers)).json()
    assert [one["id"] for page in (first, rest) for one in page["handoffs"]] == made[::-1]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{PATH}/none/take", None, 404),
        (f"{PATH}/none/replies", {"text": "x"}, 404),
        (f"{PATH}/none/return", None, 404),
        (PATH, {"thread": "none"}, 404),
        (PATH, {"thread": "ops-thread"}, 404),
        (PATH, {"thread": ""}, 422),
        (PATH, {"thread": "t", "by": "account:somebody"}, 422),
    ],
)
async def test_what_is_not_there(
    client: httpx.AsyncClient, sign_in: Signed, parts: Parts, path: str, body: Any, status: int
) -> None:
    """A thread of another agent is as if there were none; nobody takes over in another's name."""
    async with parts.crew.runtime.database.write() as session:
        session.add(Thread(id="ops-thread", agent="ops", principal="account:x"))
    caller = await sign_in()
    assert (await client.post(path, json=body, headers=caller.headers)).status_code == status


async def test_a_person_takes_a_streaming_thread_over(
    client: httpx.AsyncClient, sign_in: Signed, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends as cancelled, its words are withdrawn, and what the user said behind it is taken in its turn."""
    monkeypatch.setattr(handoffs, "HANDED_OVER", {"ops"})  # the small crew has no other agent
    op, user = await sign_in(), await sign_in(Role.USER)
    await _running(parts, user)
    answer = await client.post(PATH, json={"thread": "t", "reason": "It goes in circles"}, headers=op.headers)
    assert (answer.status_code, answer.json()["status"]) == (201, "taken")
    async with asyncio.timeout(90):
        while len(ends := await parts.crew.runtime.events.since("t", kinds=[EventType.RUN_FINISHED])) < 2:
            await asyncio.sleep(0.02)
    assert [end.data["outcome"] == "cancelled" for end in ends] == [True, False]
    kinds = [event.type.value for event in await parts.crew.runtime.events.since("t")]
    opened = kinds.index("handoff.opened")
    assert [kind for kind in kinds[:opened] if kind in ("token", "reset")][-1] == "reset"
    assert not {"token", "message"} & set(kinds[opened:])


async def _running(parts: Parts, user: SignedIn) -> None:
    """A thread that waits for a decision, has begun to say something, and has more input behind it."""
    crew = parts.crew
    calls = {"calls": [["counter_fire", {"what": "x"}]]}
    await parts.driver.submit("t", "ops", f"account:{user.id}", calls)
    async with asyncio.timeout(90):
        while not await crew.gate.approvals.listed(thread_id="t"):
            await asyncio.sleep(0.02)
    await crew.runs.enqueue("t", "ops", f"account:{user.id}", {"text": "Are you there?"})
    async with crew.handoffs.joined("t") as emit:
        await emit(EventType.TOKEN, {"text": "I thi", "attempt": "a"})
