"""The bot on the small crew whose one agent makes the calls that its input names, against the simulated Telegram."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.registry import Crew
from bot.channel import Channel
from lab.telegram.people import Somebody
from lab.telegram.server import TOKEN, Simulator, simulator
from lab.telegram.world import World
from naryad.accounts.accounts import person
from naryad.auth import Role
from naryad.clock import new_id
from naryad.db.models.account import Account
from naryad.db.models.gate import Approval
from naryad.driver import Driver
from naryad.inbox import Inbox, bot_id
from naryad.outbox import Outbox
from naryad.settings import Settings
from naryad.testing.counter import CounterTools
from tests.server.conftest import counter_crew

ANNA, BORIS, CAROL, DIMA = 5_000_000_001, 5_000_000_002, 5_000_000_003, 5_000_000_004


@dataclass
class Office:
    """The crew with its bot at work."""

    crew: Crew
    driver: Driver
    inbox: Inbox
    outbox: Outbox
    world: World
    channel: Channel
    bot: "asyncio.Task[None]"

    @property
    def effects(self) -> list[str]:
        """Every effect that really happened."""
        return CounterTools(self.crew.runtime.settings.home / "world").effects

    async def account(self, role: Role, telegram_id: int | None = None, lang: str = "en") -> Account:
        """An active account, linked where an id is given."""
        made = Account(email=f"{new_id()}@example.ru", password_hash="-", role=role, lang=lang, telegram_id=telegram_id)
        async with self.crew.runtime.database.write() as session:
            session.add(made)
        return made

    async def known(self, telegram_id: int, role: Role = Role.OPERATOR, *, name: str = "Anna") -> Somebody:
        """A linked person who has opened the chat with the bot."""
        await self.account(role, telegram_id)
        somebody = Somebody(self.world, telegram_id, name)
        somebody.write("/start")
        await somebody.hears("You are linked")
        return somebody

    async def asked(self, what: str = "boom", *, tool: str = "fire", by: str = "local:else", n: int = 1) -> Approval:
        """A question that waits for a decision; the newest of `n`."""
        calls = [[f"counter_{tool}", {"what": f"{what}{number or ''}"}] for number in range(n)]
        thread = new_id()
        await self.driver.submit(thread, "ops", by, {"calls": calls})
        async with asyncio.timeout(90):
            while len(found := await self.crew.gate.approvals.listed(thread_id=thread)) < n:
                await asyncio.sleep(0.02)
        return found[0]

    async def settled(self, number: int = 1) -> list[str]:
        """The effects, once there are so many."""
        async with asyncio.timeout(90):
            while len(self.effects) < number:
                await asyncio.sleep(0.02)
        return self.effects

    async def quiet(self) -> None:
        """Wait until the bot has handled everything that was sent to it."""
        async with asyncio.timeout(90):
            while self.world.updates or await self.inbox.waiting():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def office_at(settings: Settings, world: World, *, gap_s: float = 0.01) -> AsyncIterator[Office]:
    """Open an office; may be done again on the same home, like a restart."""
    async with counter_crew(settings) as crew:
        database = crew.runtime.database
        driver, inbox, outbox = Driver(crew.runs, most=4), Inbox(database, bot_id(settings)), Outbox(database)
        channel = Channel(crew, driver, inbox, outbox, gap_s=gap_s)
        bot, runs = asyncio.create_task(channel.run()), asyncio.create_task(driver.run())
        try:
            yield Office(crew, driver, inbox, outbox, world, channel, bot)
        finally:
            for task in (bot, runs):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await driver.close()


@pytest.fixture
async def api() -> AsyncIterator[Simulator]:
    async with simulator() as running:
        yield running


@pytest.fixture
def settings(alone: Path, api: Simulator) -> Settings:
    alone.mkdir(parents=True, exist_ok=True)
    return Settings(NARYAD_HOME=alone, NARYAD_LANG="en", TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=api.url)


@pytest.fixture
async def office(settings: Settings, api: Simulator) -> AsyncIterator[Office]:
    async with office_at(settings, api.world) as opened:
        yield opened


def who(account: Account) -> str:
    """An account as the gate knows it."""
    return person(account).id
