"""The bot inside the server's process, by webhook: from Telegram's request to the effect, and nobody else's."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from pydantic import SecretStr

from cli.serve import telegram
from lab.telegram.people import Somebody
from lab.telegram.server import Simulator
from naryad.accounts.links import Links
from naryad.auth import Role
from naryad.db.models.account import Account
from naryad.inbox import WEBHOOK
from naryad.settings import Settings
from naryad.testing.counter import CounterTools
from server.parts import Parts
from tests.bot.conftest import ANNA
from tests.server.applications import create
from tests.server.conftest import counter_crew

SECRET = "webhook-secret-1"


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Parts, str]]:
    """The whole server with the bot beside it, on a free port that it also tells Telegram."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create(settings.model_copy(update={"public_url": url}), counter_crew, telegram)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(90):
                while not server.started:
                    await asyncio.sleep(0.05)
            yield app.state.parts, url
        finally:
            server.should_exit = True
            await task


async def test_a_person_approves_by_webhook(settings: Settings, api: Simulator) -> None:
    """A replayed body and a forged sender change nothing; the tap of the right person does."""
    hooked = settings.model_copy(update={"telegram_webhook_secret": SecretStr(SECRET)})
    world = CounterTools(settings.home / "world")
    async with serving(hooked) as (parts, url), httpx.AsyncClient() as client:
        account = Account(email="anna@example.ru", password_hash="-", role=Role.OPERATOR, lang="en")
        async with parts.crew.runtime.database.write() as session:
            session.add(account)
        anna = Somebody(api.world, ANNA)
        async with asyncio.timeout(90):
            while not api.world.webhook:
                await asyncio.sleep(0.05)
        anna.write(f"/start {await Links(parts.crew.runtime.database).code(account.id)}")
        await anna.hears("You are linked")
        anna.write('[["counter_fire", {"what": "boom"}]]')
        card = await anna.hears("Waiting for a decision")
        (asked,) = await parts.crew.gate.approvals.listed()
        words = f"/approve {asked.id} {asked.args_sha256[:8]}"
        forged = {"update_id": 1, "message": {**card, "from": anna.user, "text": words}}
        for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": "guess"}):
            assert (await client.post(url + WEBHOOK, json=forged, headers=headers)).status_code == 401
        anna.tap(await anna.hears("Decided by"), "✅ Approve")  # pushed, not asked for
        anna.tap(await anna.hears("Sure?"), "✅ Yes")
        async with asyncio.timeout(90):
            while not world.effects:
                await asyncio.sleep(0.05)
        await anna.hears("approve: anna@example.ru")
        proof = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        replay = {**forged, "update_id": 700_000_001}
        assert (await client.post(url + WEBHOOK, json=replay, headers=proof)).status_code == 204
        await asyncio.sleep(0.3)
    assert len(world.effects) == 1


async def test_without_a_token_there_is_no_bot(settings: Settings) -> None:
    """The server does without."""
    async with serving(settings.model_copy(update={"telegram_token": None})) as (parts, _url):
        assert telegram(parts) == {}
