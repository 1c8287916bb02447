"""Messages over HTTP: what was given up, trying again, and a test of the ways to people."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from naryad.auth import Role
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.settings import Settings
from server.parts import Parts
from tests.naryad.notify.test_mail import Mailbox, serving
from tests.server.conftest import Signed

URL = "/api/v1/deliveries"
FILE = """\
recipients:
  - {name: anna, email: anna@example.ru, addresses: {hook: "json://127.0.0.1:9/secret-path"}}
"""


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(box: Mailbox) -> Iterator[int]:
    with serving(box) as opened:
        yield opened


@pytest.fixture
def settings(alone: Path, port: int) -> Settings:
    """Mail is set up; the routes file names one person."""
    alone.mkdir(parents=True, exist_ok=True)
    (alone / "notify.yaml").write_text(FILE)
    return Settings(
        NARYAD_HOME=alone,
        RATE_LIMIT_PER_MINUTE=100_000,
        NARYAD_OPEN_REGISTRATION=True,
        ENABLE_EMAIL_NOTIFICATIONS=True,
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=port,
        SMTP_SECURITY="none",
        SMTP_FROM="naryad@example.ru",
        NARYAD_PUBLIC_URL="https://n.example.ru",
    )


async def given_up(parts: Parts, **fields: object) -> Delivery:
    row = Delivery(
        key="k", channel="letters", target="anna@example.ru", status=DeliveryStatus.DEAD, error="550", attempts=12,
        payload={"kind": "account.reset", "code": "A1B2C3"},
    )  # fmt: skip
    async with parts.crew.runtime.database.write() as session:
        session.add(row)
    return row


async def test_dead_letters_are_seen_and_sent_again(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """An administrator sees why, never what it says; a second try is refused while the first is on its way."""
    admin, row = await sign_in(Role.ADMIN), await given_up(parts)
    answer = await client.get(URL, headers=admin.headers)
    (line,) = answer.json()["deliveries"]
    assert (line["id"], line["kind"], line["error"]) == (row.id, "account.reset", "550")
    assert "A1B2C3" not in answer.text
    again = await client.post(f"{URL}/{row.id}/retry", headers=admin.headers)
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (200, "pending", 0)
    assert (await client.post(f"{URL}/{row.id}/retry", headers=admin.headers)).status_code == 409
    assert (await client.post(f"{URL}/nothing/retry", headers=admin.headers)).status_code == 404
    assert (await client.post(f"{URL}/%00/retry", headers=admin.headers)).status_code == 422
    assert (await client.get(URL, headers=admin.headers)).json()["deliveries"] == []


async def test_only_administrators(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """Who is told what is no operator's business."""
    operator = await sign_in(Role.OPERATOR)
    for method, url in (("GET", URL), ("POST", f"{URL}/x/retry"), ("POST", "/api/v1/notifications/test")):
        answer = await client.request(method, url, headers=operator.headers, json={"recipient": "anna"})
        assert answer.status_code == 403


async def arrived(box: Mailbox, count: int) -> None:
    """Wait for letters."""
    async with asyncio.timeout(60):
        while len(box.letters) < count:
            await asyncio.sleep(0.02)


async def test_who_registers_gets_a_letter(client: httpx.AsyncClient, box: Mailbox, parts: Parts) -> None:
    """The server at work mails the code, and keeps it no longer than that."""
    wanted = {"email": "new@example.ru", "password": "correct horse battery staple"}
    assert (await client.post("/api/v1/auth/register", json=wanted)).status_code == 202
    await arrived(box, 1)
    assert box.letters[0]["To"] == "new@example.ru"
    link = next(line for line in box.letters[0].get_content().splitlines() if line.startswith("https://n.example.ru/"))
    async with asyncio.timeout(60):
        while not (sent := await parts.outbox.listed(DeliveryStatus.SENT)):
            await asyncio.sleep(0.02)
    code = link.rpartition("=")[2]
    assert code
    assert code not in str(sent[0].payload)


async def test_a_test_message_goes_every_way(
    client: httpx.AsyncClient, box: Mailbox, parts: Parts, sign_in: Signed
) -> None:
    """One message to the mailbox, one to the address; an unknown recipient is not there."""
    admin = await sign_in(Role.ADMIN)
    url = "/api/v1/notifications/test"
    answer = await client.post(url, headers=admin.headers, json={"recipient": "anna"})
    assert (answer.status_code, answer.json()) == (202, {"messages": 2})
    counts = await parts.outbox.counts()
    assert {channel for channel, _status in counts} == {"email", "addresses"}
    await arrived(box, 1)
    assert box.letters[0]["To"] == "anna@example.ru"
    assert (await client.post(url, headers=admin.headers, json={"recipient": "boris"})).status_code == 404
