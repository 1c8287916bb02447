"""The bot as one piece that runs for ever: updates in, answers and messages out."""

import asyncio
import re
from typing import Any
from weakref import WeakValueDictionary

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError
from aiogram.types import LinkPreviewOptions, Update
from aiogram.utils.token import TokenValidationError
from pydantic import ValidationError

from agents.registry import Crew
from bot import menu
from bot.desk import Desk
from bot.followers import Followers
from bot.guard import Guard, tell
from bot.receiving import TokenRefused, patiently, receive
from bot.routers import approvals, handoffs, start, status, strangers, talk
from bot.sender import Sender
from bot.talks import Talks
from bot.wire import GAP_S, Pace, Wire
from naryad.accounts.letters import Letters
from naryad.accounts.links import Links
from naryad.driver import Driver
from naryad.errors import ConfigError
from naryad.i18n import _, use
from naryad.inbox import Inbox
from naryad.outbox import Outbox
from naryad.settings import Settings

log = structlog.get_logger()
AT_ONCE = 32
"""Updates that are handled at a time; one chat's in order."""
GRACE_S = 5.0
"""How long handlers may go on after the bot was told to stop."""


def check(settings: Settings) -> None:
    """Raise `ConfigError` where a webhook is wanted that Telegram would not take."""
    if settings.telegram_webhook_secret is None:
        return
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", settings.telegram_webhook_secret.get_secret_value()):
        text = _("1 to 256 letters, digits, _ and -: Telegram takes no other")
        raise ConfigError(text, source="environment", field="TELEGRAM_WEBHOOK_SECRET")
    if not settings.public_url.startswith("https://"):
        text = _("the webhook needs it: the https address of this server")
        raise ConfigError(text, source="environment", field="NARYAD_PUBLIC_URL")


class Channel:
    """The Telegram bot.

    Args:
        crew: Who answers.
        driver: Runs what people ask for.
        inbox: Where updates come in.
        outbox: Where messages to people wait.
        gap_s: The time between two messages in one chat.

    Attributes:
        followers: Who shows the runs, once the bot works.
    """

    followers: Followers

    def __init__(self, crew: Crew, driver: Driver, inbox: Inbox, outbox: Outbox, *, gap_s: float = GAP_S) -> None:
        self._crew, self._driver, self._inbox, self._outbox = crew, driver, inbox, outbox
        self._gap_s = gap_s
        self._order: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Work until cancelled; ends, saying so in the log, where the token is wrong."""
        settings = self._crew.runtime.settings
        use(settings.lang)
        assert settings.telegram_token is not None
        session = Wire(api=TelegramAPIServer.from_base(settings.telegram_api))
        session.middleware(Pace(self._gap_s))
        try:
            bot = Bot(
                settings.telegram_token.get_secret_value(),
                session=session,
                default=DefaultBotProperties(link_preview=LinkPreviewOptions(is_disabled=True)),
            )
            async with bot:
                await self._work(bot, settings)
        except* (TokenRefused, TokenValidationError):
            log.error("telegram.token.refused", hint="TELEGRAM_TOKEN is wrong; the server goes on without a bot")

    async def _work(self, bot: Bot, settings: Settings) -> None:
        await patiently(bot.me)
        await patiently(lambda: menu.publish(bot, settings.lang))
        database = self._crew.runtime.database
        talks, links = Talks(database), Links(database, Letters(self._outbox, settings))
        self.followers = followers = Followers(bot, talks, links, self._crew.runtime.events)
        desk = Desk(self._crew, self._driver, links, talks, followers)
        await followers.resume()
        try:
            async with asyncio.TaskGroup() as pieces:
                pieces.create_task(receive(bot, self._inbox, settings))
                pieces.create_task(self._handle(bot, _dispatcher(desk)))
                pieces.create_task(self._outbox.run({"telegram": Sender(bot, desk)}))
        finally:
            await followers.close()

    async def _handle(self, bot: Bot, dispatcher: Dispatcher) -> None:
        """Take updates and handle them, one chat's in their order."""
        free, working = asyncio.Semaphore(AT_ONCE), set[asyncio.Task[None]]()

        def ended(task: asyncio.Task[None]) -> None:
            working.discard(task)
            free.release()

        try:
            while True:
                await free.acquire()
                task = asyncio.create_task(self._one(bot, dispatcher, await self._inbox.take()))
                working.add(task)
                task.add_done_callback(ended)
        finally:
            if working:
                await asyncio.wait(working, timeout=GRACE_S)
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)

    async def _one(self, bot: Bot, dispatcher: Dispatcher, raw: dict[str, Any]) -> None:
        leave = self._inbox.done
        try:
            update = Update.model_validate(raw, context={"bot": bot})
            came = update.message or update.callback_query
            chat = came.from_user.id if came and came.from_user else 0
            async with self._order.setdefault(chat, asyncio.Lock()):
                try:
                    await dispatcher.feed_update(bot, update)
                except TelegramAPIError as error:
                    log.warning("telegram.handler.failed", error=type(error).__name__, why=error.message)
                except Exception as bug:  # one broken handler must not end the bot; the person learns of it
                    log.exception("telegram.handler.broke", error=type(bug).__name__)
                    if came:
                        await tell(came, _("Something broke here; the log says more."))
        except ValidationError:
            log.warning("telegram.update.unreadable", update=raw.get("update_id"))
        except asyncio.CancelledError:
            leave = self._inbox.give_back
            raise
        finally:
            await leave(raw["update_id"])


def _dispatcher(desk: Desk) -> Dispatcher:
    made = Dispatcher(disable_fsm=True, desk=desk)
    made.update.outer_middleware(Guard(desk.links, desk.settings.lang))
    made.include_routers(*(part.router() for part in (strangers, start, status, approvals, handoffs, talk)))
    return made
