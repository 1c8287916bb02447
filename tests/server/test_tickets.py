"""Tickets over HTTP: asked by people, worked on by those who help, seen by nobody else."""

import hashlib
from typing import Any

import httpx
import pytest
from sqlmodel import select

from naryad.auth import Role
from naryad.db.models.delivery import Delivery
from naryad.db.models.ticket import Ticket
from naryad.events import FEED
from naryad.tickets.asking import Asking
from server.parts import Parts
from tests.server.conftest import Signed, SignedIn

URL = "/api/v1/support/tickets"


@pytest.fixture
async def user(sign_in: Signed) -> SignedIn:
    return await sign_in(Role.USER)


@pytest.fixture
async def helper(sign_in: Signed) -> SignedIn:
    return await sign_in(Role.MANAGER)


async def ask(client: httpx.AsyncClient, who: SignedIn, text: str = "The printer jams", **more: Any) -> dict[str, Any]:
    answer = await client.post(URL, json={"text": text, **more}, headers=who.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_ticket_from_the_question_to_the_thanks(
    client: httpx.AsyncClient, parts: Parts, user: SignedIn, helper: SignedIn
) -> None:
    """Asked, taken, answered, waited for, resolved, closed and rated; each step stands in the journal."""
    made = await ask(client, user, priority="high")
    url = f"{URL}/{made['id']}"
    assert (made["number"], made["status"], made["response"]["state"]) == (1, "new", "running")
    for method, path, body, who in (
        ("PUT", "/assign", None, helper),
        ("POST", "/comments", {"text": "Which printer?"}, helper),
        ("PUT", "/wait", None, helper),
        ("POST", "/comments", {"text": "The one on the second floor"}, user),
        ("POST", "/comments", {"text": "password=hunter2 is its PIN", "public": False}, helper),
        ("PUT", "/resolve", {"reason": "New cartridge"}, helper),
        ("PUT", "/close", None, user),
        ("PUT", "/rating", {"rating": 5, "comment": "Quick"}, user),
    ):
        answer = await client.request(method, url + path, json=body, headers=who.headers)
        assert answer.status_code in (200, 201), answer.text
    mine, whole = [(await client.get(f"{URL}/1", headers=who.headers)).json() for who in (user, helper)]
    events = ["created", "comment", "waiting", "comment", "resolved", "closed"]
    assert [entry["event"] for entry in mine["entries"]] == events
    assert [entry["event"] for entry in whole["entries"]] == [
        "created", "assigned", "comment", "waiting", "comment", "comment", "resolved", "closed", "rated"
    ]  # fmt: skip
    assert "hunter2" not in str(whole)
    assert (whole["status"], whole["rating"], whole["assignee"]) == ("closed", 5, f"account:{helper.id}")
    assert (whole["response"]["state"], whole["resolution"]["state"]) == ("met", "met")
    told = [event.data["event"] for event in await parts.crew.runtime.events.since(FEED)]
    assert told == [entry["event"] for entry in whole["entries"]]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/entries", None),
        ("POST", "/comments", {"text": "x"}),
        ("PUT", "/close", None),
        ("PUT", "/reopen", None),
        ("PUT", "/rating", {"rating": 1}),
        ("GET", "/attachments", None),
        ("POST", "/attachments", {"a": "text"}),
        ("GET", "/attachments/{file}", None),
    ],
)
async def test_somebody_else_s_ticket_is_not_there(
    client: httpx.AsyncClient, user: SignedIn, sign_in: Signed, method: str, path: str, body: Any
) -> None:
    """By id and by number, in the same words as for what was never there, and nothing of it changes."""
    made, stranger = await ask(client, user), await sign_in(Role.USER)
    sent = await client.post(f"{URL}/1/attachments?name=a.txt", content=b"text", headers=user.headers)
    path = path.format(file=sent.json()["id"])
    before = (await client.get(f"{URL}/1", headers=user.headers)).json()
    answers = [
        await client.request(method, f"{URL}/{named}{path}", json=body, headers=stranger.headers)
        for named in (made["id"], "1", "2", "0190-none", "9" * 40)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error"]["message"].replace(repr(named), "…") for answer, named in zip(
        answers, (made["id"], "1", "2", "0190-none", "9" * 40), strict=True
    )} == {answers[0].json()["error"]["message"].replace(repr(made["id"]), "…")}  # fmt: skip
    assert (await client.get(f"{URL}/1", headers=user.headers)).json() == before
    assert (await client.get(URL, headers=stranger.headers)).json()["tickets"] == []


async def test_what_is_internal_stays_inside(
    client: httpx.AsyncClient, parts: Parts, user: SignedIn, helper: SignedIn
) -> None:
    """A requester sees neither the words, nor the file, nor an event of them, nor finds the ticket by them."""
    made = await ask(client, user)
    url = f"{URL}/{made['id']}"
    await client.post(f"{url}/comments", json={"text": "Obnoxious", "public": False}, headers=helper.headers)
    sent = await client.post(f"{url}/attachments?name=n.txt&public=false", content=b"Nasty", headers=helper.headers)
    seen = await client.get(url, headers=user.headers)
    assert "bnoxious" not in seen.text
    assert seen.json()["files"] == []
    assert (await client.get(f"{url}/attachments/{sent.json()['id']}", headers=user.headers)).status_code == 404
    assert (await client.get(f"{URL}?text=obnoxious", headers=user.headers)).json()["tickets"] == []
    assert len((await client.get(f"{URL}?text=obnoxious", headers=helper.headers)).json()["tickets"]) == 1
    told = await parts.crew.runtime.events.since(f"ticket:{made['id']}")
    assert [event.data["event"] for event in told] == ["created"]
    answer = await client.post(f"{url}/comments", json={"text": "x", "public": False}, headers=user.headers)
    assert answer.status_code == 403


async def test_a_repeated_request_changes_nothing(client: httpx.AsyncClient, user: SignedIn, sign_in: Signed) -> None:
    """One Idempotency-Key makes one ticket and one comment of one person; another's same key is another's."""
    other, keyed = await sign_in(Role.USER), {"Idempotency-Key": "k"}
    for who in (user, user, other):
        made = (await client.post(URL, json={"text": "x"}, headers=who.headers | keyed)).json()
        for _again in range(2):
            body = {"text": "more"}
            await client.post(f"{URL}/{made['id']}/comments", json=body, headers=who.headers | keyed)
    for who in (user, other):
        tickets = (await client.get(URL, headers=who.headers)).json()["tickets"]
        assert len(tickets) == 1
        journal = (await client.get(f"{URL}/{tickets[0]['id']}/entries", headers=who.headers)).json()["entries"]
        assert [entry["event"] for entry in journal] == ["created", "comment"]


async def test_tickets_are_found_by_what_they_are(
    client: httpx.AsyncClient, user: SignedIn, helper: SignedIn, sign_in: Signed
) -> None:
    """By status, priority, assignee, text in whatever letters, number; page after page, each once."""
    boss = await sign_in(Role.ADMIN)
    first = await ask(client, user, "Касса не печатает", priority="high")
    second = await ask(client, boss, "Mail is slow", subject="Mail")
    await client.put(f"{URL}/1/assign", headers=helper.headers)
    await client.post(f"{URL}/2/comments", json={"text": "Очередь растёт"}, headers=boss.headers)
    wanted = {
        "": [2, 1], "status=open": [1], "status=new&status=open": [2, 1], "priority=high": [1], "mine=true": [],
        f"assignee={helper.id}": [1], "assignee=": [2], "text=КАССА": [1], "text=mail": [2], "text=очередь": [2],
        "text=%231": [1], "text=%25": [], "channel=api": [2, 1], "channel=mail": [], "cursor=2": [1], "limit=1": [2],
        f"until={first['created_at']}": [], f"since={second['created_at']}": [2],
    }  # fmt: skip
    for query, numbers in wanted.items():
        answer = await client.get(f"{URL}?{query}", headers=helper.headers)
        assert [ticket["number"] for ticket in answer.json()["tickets"]] == numbers, query
    mine = await client.get(f"{URL}?mine=true", headers=boss.headers)
    assert [ticket["number"] for ticket in mine.json()["tickets"]] == [2]


async def test_who_helps_may_ask_for_another(client: httpx.AsyncClient, user: SignedIn, helper: SignedIn) -> None:
    """The ticket is the other's; nobody else may do so, and nobody for an account that is not there."""
    made = await ask(client, helper, requester=user.id)
    assert (await client.get(f"{URL}/{made['id']}", headers=user.headers)).status_code == 200
    for who, requester, status in ((user, helper.id, 403), (user, "none", 403), (helper, "none", 404)):
        answer = await client.post(URL, json={"text": "x", "requester": requester}, headers=who.headers)
        assert answer.status_code == status
    for assignee, status in ((user.id, 409), ("none", 404), (helper.id, 200), ("", 200)):
        answer = await client.patch(f"{URL}/1", json={"assignee": assignee}, headers=helper.headers)
        assert answer.status_code == status


async def test_one_rating_by_the_link_or_by_oneself(
    client: httpx.AsyncClient, parts: Parts, user: SignedIn, helper: SignedIn
) -> None:
    """The letter's link rates once; then neither it nor its reader does; whoever helped never does."""
    reached = parts.settings.model_copy(update={"public_url": "https://it.example.ru", "smtp_host": "mail"})
    parts.crew.tickets._asking = Asking(parts.outbox, reached)
    await ask(client, user)
    assert (await client.put(f"{URL}/1/rating", json={"rating": 5}, headers=user.headers)).status_code == 409
    for _again in range(2):  # closed, brought back, closed: asked once
        await client.put(f"{URL}/1/close", headers=helper.headers)
        await client.put(f"{URL}/1/reopen", headers=user.headers)
    await client.put(f"{URL}/1/close", headers=helper.headers)
    async with parts.crew.runtime.database.read() as session:
        letters = (await session.exec(select(Delivery).where(Delivery.target == user.email))).all()
        kept = (await session.exec(select(Ticket))).one()
    letters = [letter for letter in letters if letter.payload["kind"] == "ticket.closed"]
    token = letters[0].payload["link"].partition("#token=")[2]
    assert (len(letters), kept.rating_digest) == (1, hashlib.sha256(token.encode()).hexdigest())
    rating = {"rating": 4, "comment": "Fine"}
    assert (await client.put(f"{URL}/1/rating", json=rating, headers=helper.headers)).status_code == 404
    for sent, status in (("wrong", 404), (token, 200), (token, 404)):
        answer = await client.post("/api/v1/support/ratings", json={**rating, "token": sent})
        assert answer.status_code == status
    assert (await client.put(f"{URL}/1/rating", json={"rating": 1}, headers=user.headers)).status_code == 409
    assert (await client.get(f"{URL}/1", headers=user.headers)).json()["rating"] == 4
    told = await parts.crew.runtime.events.since(FEED)
    assert token not in str([event.data for event in told])
