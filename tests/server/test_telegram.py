"""The webhook: only Telegram's own secret lets an update in, and each comes in once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from naryad.settings import Settings
from server.parts import Parts

URL = "/api/v1/telegram/webhook"
TOKEN, SECRET = "123456789:AAF-secret-of-the-bot-that-nobody-may-see", "webhook-secret-1"
HEADER = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


@pytest.fixture
def settings(alone: Path) -> Settings:
    alone.mkdir(parents=True, exist_ok=True)
    return Settings(
        NARYAD_HOME=alone, RATE_LIMIT_PER_MINUTE=100_000, TELEGRAM_TOKEN=TOKEN, TELEGRAM_WEBHOOK_SECRET=SECRET
    )


async def _waiting(parts: Parts) -> list[dict[str, Any]]:
    found = []
    while True:
        try:
            found.append(await asyncio.wait_for(parts.inbox.take(), 0.2))
        except TimeoutError:
            return found


async def test_an_update_comes_in_once(client: httpx.AsyncClient, parts: Parts) -> None:
    """Telegram repeats what it thinks was lost; the repetition is accepted and forgotten, also after it was handled."""
    update = {"update_id": 7, "message": {"text": "привет"}}
    for _time in range(3):
        assert (await client.post(URL, json=update, headers=HEADER)).status_code == 204
    assert await _waiting(parts) == [update]
    await parts.inbox.done(7)
    assert (await client.post(URL, json=update | {"message": {"text": "other"}}, headers=HEADER)).status_code == 204
    assert await _waiting(parts) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Telegram-Bot-Api-Secret-Token": ""},
        {"X-Telegram-Bot-Api-Secret-Token": SECRET[:-1]},
        {"X-Telegram-Bot-Api-Secret-Token": SECRET.upper()},
        {"Authorization": f"Bearer {SECRET}"},
    ],
)
async def test_without_the_secret_nothing_comes_in(
    client: httpx.AsyncClient, parts: Parts, headers: dict[str, str]
) -> None:
    """The refusal does not tell the secret either."""
    answer = await client.post(URL, json={"update_id": 1}, headers=headers)
    assert answer.status_code == 401
    assert SECRET not in answer.text
    assert await _waiting(parts) == []


@pytest.mark.parametrize("body", [{}, {"update_id": "1"}, {"update_id": -1}, {"update_id": 2**60}, [], "x"])
async def test_what_is_no_update_is_refused(client: httpx.AsyncClient, body: Any) -> None:
    """With 422, never with 5xx."""
    assert (await client.post(URL, json=body, headers=HEADER)).status_code == 422


class TestTheLimit:
    """An install with the ordinary limit for each address."""

    @pytest.fixture
    def settings(self, alone: Path) -> Settings:
        alone.mkdir(parents=True, exist_ok=True)
        return Settings(NARYAD_HOME=alone, TELEGRAM_TOKEN=TOKEN, TELEGRAM_WEBHOOK_SECRET=SECRET)

    async def test_it_is_not_for_telegram(self, client: httpx.AsyncClient, parts: Parts, settings: Settings) -> None:
        """Everybody's updates come from one address; whoever has not the secret is turned away there as anywhere."""
        forged = [await client.post(URL, json={"update_id": 1}) for _ in range(settings.rate_limit + 1)]
        assert [answer.status_code for answer in forged] == [401] * settings.rate_limit + [429]
        many = range(settings.rate_limit + 5)
        taken = [await client.post(URL, json={"update_id": number}, headers=HEADER) for number in many]
        assert [answer.status_code for answer in taken] == [204] * len(many)
        assert await parts.inbox.waiting() == len(many)


class TestWithoutABot:
    """An install whose bot was never set up."""

    @pytest.fixture
    def settings(self, alone: Path) -> Settings:
        alone.mkdir(parents=True, exist_ok=True)
        return Settings(NARYAD_HOME=alone, RATE_LIMIT_PER_MINUTE=100_000)

    async def test_there_is_no_webhook(self, client: httpx.AsyncClient) -> None:
        """Whatever secret is sent."""
        assert (await client.post(URL, json={"update_id": 1}, headers=HEADER)).status_code == 404
