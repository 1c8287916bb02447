"""A person who deletes their account leaves nothing but an id in the audit."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlmodel import SQLModel, select

from naryad.auth import Person, Role
from naryad.db.models.account import Account
from naryad.db.models.delivery import Delivery, DeliveryStatus, Escalation
from naryad.db.models.mail import Fate, MailLetter, MailSource, MailThread
from naryad.db.models.thread import Thread
from naryad.gate.audit import Audit
from naryad.handoffs import Brief
from naryad.settings import Settings
from server.parts import Parts
from tests.server.applications import create
from tests.server.chatting import steps, talking_crew
from tests.server.conftest import PASSWORD, Signed, SignedIn

ME = "/api/v1/account"
WORD = "unforgettable"
TELEGRAM_ID = 7_000_000_001
ROUTES = """
recipients:
  - {name: day, addresses: {hook: "json://127.0.0.1:9/day"}}
  - {name: night, addresses: {hook: "json://127.0.0.1:9/night"}, quiet_hours: "00:00-00:00"}
routes:
  - {kinds: [handoff], to: [day, night], escalate: [{after_minutes: 60, to: [day]}]}
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Of a handoff two are told, one of them later, and one once more where nobody takes it; letters wait."""
    (settings.home / "notify.yaml").write_text(ROUTES)
    return settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": 9, "smtp_from": "naryad@example.ru"})


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = create(settings, talking_crew)
    async with made.router.lifespan_context(made):
        yield made


async def tables_with(parts: Parts, word: str) -> set[str]:
    """Every table that has the word in some row."""
    found = set()
    async with parts.crew.runtime.database.engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            rows = (await connection.execute(table.select())).all()
            if any(word in str(row) for row in rows):
                found.add(table.name)
    return found


async def talk(client: httpx.AsyncClient, person: SignedIn, text: str, *, wait: bool) -> str:
    """Say something in a new thread."""
    begun = await client.post("/api/v1/agents/ops/threads", headers=person.headers)
    thread = str(begun.json()["id"])
    path = f"/api/v1/threads/{thread}/runs?wait={'true' if wait else 'false'}"
    assert (await client.post(path, json={"text": text}, headers=person.headers)).status_code in (200, 202)
    return thread


async def test_nothing_is_left_of_a_deleted_person(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """Threads that are over, wait or run; letters, devices, keys, codes; what is another's stays."""
    anna, eve = await sign_in(Role.OPERATOR), await sign_in(Role.OPERATOR)
    await client.patch(ME, json={"name": "Anna Petrova"}, headers=anna.headers)
    await client.post(
        f"{ME}/keys", json={"name": f"{WORD} machine", "scopes": ["chat"], "password": PASSWORD}, headers=anna.headers
    )
    await client.post("/api/v1/account/telegram", json={"password": PASSWORD}, headers=anna.headers)
    await client.post("/api/v1/auth/password/forgot", json={"email": anna.email})
    said = steps({"say": WORD}, {"message": WORD})
    threads = [await talk(client, anna, said, wait=True)]
    threads += [await talk(client, anna, steps({"message": WORD}, {"fire": "x"}), wait=True)]
    threads += [await talk(client, anna, steps({"say": WORD, "times": 100, "pause": 0.5}), wait=False)]
    others = await talk(client, eve, steps({"message": "Eve was here"}), wait=True)
    assert {"account", "api_key", "event", "delivery", "thread"} <= (
        await tables_with(parts, WORD) | await tables_with(parts, anna.email)
    )
    gone = await client.request("DELETE", ME, json={"password": PASSWORD}, headers=anna.headers)
    assert gone.status_code == 204, gone.text
    for word in (WORD, anna.email, "Petrova", anna.id):
        left = await tables_with(parts, word)
        assert left <= ({"audit", "approval", "event"} if word == anna.id else set()), (word, left)
    saver = parts.crew.runtime.checkpointer
    assert [await saver.aget_tuple({"configurable": {"thread_id": thread}}) for thread in threads] == [None] * 3
    assert (await client.get(ME, headers=anna.headers)).status_code == 401
    again = await client.post("/api/v1/auth/sign-in", json={"email": anna.email, "password": PASSWORD})
    assert again.status_code == 401
    assert (await client.get(f"/api/v1/threads/{others}/state", headers=eve.headers)).status_code == 200
    events = [row.event for row in await Audit(parts.crew.runtime.database).rows() if anna.id in row.data_json]
    assert events[-1] == "account.deleted"


async def test_letters_and_what_people_answer_go_too(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """Neither a person who answers nor a letter keeps anything; that a letter came stays known, or it came again."""
    anna, database = await sign_in(Role.USER), parts.crew.runtime.database
    told: dict[str, Any] = {"address": anna.email, "subject": WORD, "text": WORD, "answers": [WORD]}
    letters = [MailLetter(folder="INBOX", uidvalidity=1, uid=1, identity="a", thread_id="m", fate=Fate.TAKEN, **told)]
    letters += [MailLetter(folder="INBOX", uidvalidity=1, uid=2, identity="b", fate=Fate.IGNORED, **told)]
    async with database.write() as session:
        session.add(Thread(id="t", agent="support", principal=f"account:{anna.id}", title=WORD))
        session.add(Thread(id="m", agent="support", principal=f"mail:{anna.email}", title=WORD))
        session.add_all([*letters, MailThread(thread_id="m", token="x", address=anna.email)])
        session.add_all(MailSource(letter_id=letter.id, raw=WORD.encode()) for letter in letters)
    taken = await parts.crew.handoffs.open("t", "i", Brief(WORD))
    await parts.crew.handoffs.take(taken.id, Person("account:helper", frozenset({Role.OPERATOR})))
    await parts.crew.handoffs.open("m", "i", Brief(WORD))
    gone = await client.request("DELETE", ME, json={"password": PASSWORD}, headers=anna.headers)
    assert gone.status_code == 204, gone.text
    assert await tables_with(parts, WORD) | await tables_with(parts, anna.email) == set()
    assert await tables_with(parts, anna.id) <= {"audit"}
    assert await database.look(lambda session: sorted(session.exec(select(MailLetter.uid, MailLetter.identity)))) == [
        (1, "a"), (2, "b"),
    ]  # fmt: skip


async def test_what_others_were_told_goes_too(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """Messages of a handoff and a ticket hold the person's words, wherever they are on their way; so do gathered ones.

    What is told of somebody else's stays.
    """
    anna, eve = await sign_in(Role.USER), await sign_in(Role.USER)
    database = parts.crew.runtime.database
    async with database.write() as session:
        account = await session.get_one(Account, anna.id)
        account.telegram_id = TELEGRAM_ID
        session.add_all(
            [account, Delivery(key="tg", channel="telegram", target=str(TELEGRAM_ID), payload={"lang": "ru"})]
        )
        session.add(Thread(id="t", agent="support", principal=f"account:{anna.id}"))
        session.add(Thread(id="e", agent="support", principal=f"account:{eve.id}"))
    opened = await parts.crew.handoffs.open("t", "i", Brief(f"{WORD}: passport 4510", contact=f"{WORD}@home.ru"))
    await parts.crew.handoffs.open("e", "i", Brief("Eve waits"))
    late = Delivery(key="sla", channel="email", target="x@example.ru", subject=f"ticket:{opened.ticket_id}")
    late.payload, late.status = {"facts": {"title": WORD}}, DeliveryStatus.SENT
    async with database.write() as session:
        session.add(late)

    async def told(word: str) -> list[int]:
        """How many messages, messages that gather, and chains there are with the word."""
        async with database.read() as session:
            rows = (await session.exec(select(Delivery))).all()
            chains = (await session.exec(select(Escalation))).all()
        gathered, single = ([row for row in rows if ("items" in row.payload) is many] for many in (True, False))
        return [sum(word in str(row) for row in found) for found in (single, gathered, chains)]

    async with asyncio.timeout(90):
        while (await told(WORD), await told("Eve waits")) != ([2, 1, 1], [1, 1, 1]):
            await asyncio.sleep(0.05)
    gone = await client.request("DELETE", ME, json={"password": PASSWORD}, headers=anna.headers)
    assert gone.status_code == 204, gone.text
    assert (await told(WORD), await told(str(TELEGRAM_ID)), await told("Eve waits")) == ([0] * 3, [0] * 3, [1, 1, 1])
    assert await tables_with(parts, WORD) | await tables_with(parts, str(TELEGRAM_ID)) == set()


async def test_a_stolen_token_deletes_nothing(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """The password is asked for, and the second factor where there is one; the last administrator stays."""
    anna, admin = await sign_in(Role.USER), await sign_in(Role.ADMIN)
    made = await client.post(f"{ME}/second-factor", json={"password": PASSWORD}, headers=anna.headers)
    shown = {"code": pyotp.TOTP(made.json()["secret"]).now()}
    codes = (await client.post(f"{ME}/second-factor/confirm", json=shown, headers=anna.headers)).json()["codes"]
    for body, status in (
        ({}, 422),
        ({"password": "wrong password"}, 409),
        ({"password": PASSWORD}, 401),
        ({"password": PASSWORD, "code": codes[0]}, 204),
    ):
        answer = await client.request("DELETE", ME, json=body, headers=anna.headers)
        assert answer.status_code == status, answer.text
    thread = await talk(client, admin, steps({"message": WORD}), wait=True)
    last = await client.request("DELETE", ME, json={"password": PASSWORD}, headers=admin.headers)
    assert (last.status_code, (await parts.accounts.get(admin.id)).role) == (409, Role.ADMIN)
    assert (await client.get(f"/api/v1/threads/{thread}/state", headers=admin.headers)).status_code == 200
