"""An install that sends no mail says so, and keeps no letter for later."""

import httpx
import pytest
from sqlmodel import select

from naryad.db.models.account import Code, Registration
from naryad.db.models.delivery import Delivery
from server.parts import Parts
from tests.server.conftest import PASSWORD

AUTH = "/api/v1/auth"
EMAIL = "olga@example.ru"


@pytest.mark.parametrize("path", ["register", "password/forgot"])
async def test_what_needs_a_letter_is_refused(client: httpx.AsyncClient, parts: Parts, path: str) -> None:
    """With what to set, and in the same words whether the address has an account or not."""
    await parts.accounts.create(EMAIL, PASSWORD)
    more = {"password": PASSWORD} if path == "register" else {}
    answers = [
        await client.post(f"{AUTH}/{path}", json={"email": email, **more}, headers={"accept-language": "en"})
        for email in (EMAIL, "nobody@example.ru")
    ]
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [(409, "refused")] * 2
    assert answers[0].json()["error"]["message"] == answers[1].json()["error"]["message"]
    assert "SMTP_HOST" in answers[0].text
    async with parts.crew.runtime.database.read() as session:
        assert [(await session.exec(select(table))).all() for table in (Registration, Code, Delivery)] == [[]] * 3


async def test_a_sign_in_leaves_no_letter(client: httpx.AsyncClient, parts: Parts) -> None:
    """It would never go, and the outbox would look broken for ever."""
    await parts.accounts.create(EMAIL, PASSWORD)
    signed = await client.post(f"{AUTH}/sign-in", json={"email": EMAIL, "password": PASSWORD})
    assert signed.status_code == 200
    async with parts.crew.runtime.database.read() as session:
        assert (await session.exec(select(Delivery))).all() == []
