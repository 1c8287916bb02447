"""How updates come in: whatever the network and Telegram do, the bot goes on; the token is told to nobody."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import structlog
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError
from pydantic import SecretStr
from sqlmodel import col, select

from bot.channel import check
from bot.wire import Wire
from lab.telegram.people import Somebody
from lab.telegram.server import TOKEN, Simulator
from naryad.db.models.telegram import TelegramUpdate
from naryad.errors import ConfigError
from naryad.settings import Settings
from tests.bot.conftest import ANNA, Office, office_at

SECRET = TOKEN.partition(":")[2]


@pytest.fixture(autouse=True)
async def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.receiving.FIRST_PAUSE_S", 0.05)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, ""), (500, "Internal"), (502, "Bad Gateway"), (409, "Conflict: terminated by other getUpdates request")],
)
async def test_polling_survives(office: Office, code: int, words: str) -> None:
    """A cut connection, a broken Telegram, another poller."""
    anna = await office.known(ANNA)
    office.world.fail("getUpdates", code, words, times=3)
    anna.write("/pending")
    anna.write("/pending")
    await office.quiet()
    await anna.hears("Nothing waits")
    assert not office.bot.done()


async def test_the_start_waits_for_telegram(settings: Settings, api: Simulator) -> None:
    """A Telegram that does not answer at first is no reason to give up."""
    api.world.fail("*", 0, times=3)
    async with office_at(settings, api.world) as office:
        await office.known(ANNA)


@pytest.mark.parametrize("token", ["123456789:AAE-another-token-that-nobody-knows-00", "987:short", "no token"])
async def test_a_wrong_token_ends_the_bot_alone(settings: Settings, api: Simulator, token: str) -> None:
    """It says so once, without the token; the rest of the process goes on."""
    changed = settings.model_copy(update={"telegram_token": SecretStr(token)})
    with structlog.testing.capture_logs() as logs:
        async with office_at(changed, api.world) as office:
            await asyncio.wait_for(asyncio.shield(office.bot), 20)
            await office.asked("boom")
    said = [line for line in logs if line["event"] == "telegram.token.refused"]
    assert len(said) == 1
    assert token not in str(logs)


async def test_a_token_that_is_revoked_ends_the_bot(office: Office) -> None:
    """Also in the middle of its work."""
    await office.known(ANNA)
    office.world.fail("getUpdates", 401, "Unauthorized", times=99)
    office.world.stir()
    Somebody(office.world, ANNA).write("/pending")
    await asyncio.wait_for(asyncio.shield(office.bot), 40)


async def test_a_stop_acknowledges_what_was_stored(settings: Settings, api: Simulator) -> None:
    """Telegram sends none of it again."""
    async with office_at(settings, api.world) as office:
        anna = await office.known(ANNA)
        anna.write("/pending")
        await anna.hears("Nothing waits")
    assert api.world.updates == []


async def test_a_stop_loses_no_decision(settings: Settings, api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits behind an answer that Telegram holds up is handled by the next process, and so is that answer."""
    monkeypatch.setattr("bot.channel.GRACE_S", 0.1)
    async with office_at(settings, api.world) as office:
        anna = await office.known(ANNA)
        asked = await office.asked("boom")
        api.world.fail("sendMessage", 429, "Too Many Requests: retry after 50", retry_after=50)
        anna.write("/help")
        anna.write(f"/reject {asked.id} not now")
        taken = select(TelegramUpdate).where(
            col(TelegramUpdate.data).is_not(None), col(TelegramUpdate.taken_at).is_not(None)
        )
        database = office.crew.runtime.database
        async with asyncio.timeout(90):
            while len(await database.look(lambda session: session.exec(taken).all())) < 2 or api.world.faults[0].left:
                await asyncio.sleep(0.02)
    async with office_at(settings, api.world) as office:
        assert "not now" in (await anna.hears("reject: "))["text"]
        await anna.hears("/pending — ")
        assert (await office.crew.gate.approvals.get(asked.id)).status == "rejected"


async def test_one_unreadable_update_keeps_no_other_away(office: Office) -> None:
    """What aiogram cannot read is left out."""
    anna = await office.known(ANNA)
    office.world.update("message", nonsense=True)
    anna.write("/pending")
    await anna.hears("Nothing waits")


@pytest.fixture(params=["refused", "cut", "html", "url", "resolve"])
async def broken(request: pytest.FixtureRequest, api: Simulator) -> AsyncIterator[Bot]:
    url = {"refused": "http://127.0.0.1:9", "url": "http://[broken", "resolve": "http://naryad.invalid"}
    if request.param == "cut":
        api.world.fail("*", 0)
    elif request.param == "html":
        api.world.fail("*", 500)
    base = TelegramAPIServer.from_base(url.get(request.param, api.url))
    async with Bot(TOKEN, session=Wire(api=base)) as bot:
        yield bot


async def test_the_token_is_in_no_error(broken: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in its words, nor in what it came from, nor in any log: it is part of every address."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(TelegramAPIError) as caught:
        await broken.get_me()
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in str(error)
        assert SECRET not in repr(error)
        error = error.__cause__ or error.__context__
    assert SECRET not in caplog.text


@pytest.mark.parametrize("url", ["", "http://example.ru"])
def test_a_webhook_needs_an_address(settings: Settings, url: str) -> None:
    """Which must be https: Telegram takes no other."""
    changed = settings.model_copy(update={"telegram_webhook_secret": SecretStr("abc"), "public_url": url})
    with pytest.raises(ConfigError, match="NARYAD_PUBLIC_URL"):
        check(changed)
    right = changed.model_copy(update={"public_url": "https://example.ru"})
    check(right)
    with pytest.raises(ConfigError, match="TELEGRAM_WEBHOOK_SECRET"):
        check(right.model_copy(update={"telegram_webhook_secret": SecretStr("с пробелом")}))
