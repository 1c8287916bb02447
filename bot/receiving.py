"""How updates come in: by polling, or by a webhook that some server process serves."""

import asyncio
from contextlib import suppress
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import TelegramMethod

from bot.guard import ALLOWED_UPDATES
from naryad.inbox import WEBHOOK, Inbox
from naryad.settings import Settings

log = structlog.get_logger()
POLL_S = 25
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
GOODBYE_S = 3.0


class RawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """`getUpdates` as it comes: one update that aiogram cannot read must not keep the others away."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int
    timeout: int
    limit: int = 100
    allowed_updates: list[str]


class TokenRefused(Exception):
    """Telegram does not know the bot's token."""


async def receive(bot: Bot, inbox: Inbox, settings: Settings) -> None:
    """Bring updates into the inbox; never ends.

    Raises:
        TokenRefused: The token is wrong, or is no longer good.
    """
    if settings.telegram_webhook_secret:
        url = settings.public_url.rstrip("/") + WEBHOOK
        secret = settings.telegram_webhook_secret.get_secret_value()
        await patiently(lambda: bot.set_webhook(url, secret_token=secret, allowed_updates=list(ALLOWED_UPDATES)))
        await asyncio.Event().wait()
    await patiently(lambda: bot.delete_webhook(drop_pending_updates=False))
    await _poll(bot, inbox)


async def patiently(call: Any) -> Any:
    """Make a call until it succeeds: the network, Telegram, or another poller may be in the way for a while."""
    pause = FIRST_PAUSE_S
    while True:
        try:
            return await call()
        except (TelegramUnauthorizedError, TelegramNotFound):
            raise TokenRefused from None
        except TelegramRetryAfter as wait:
            pause = float(wait.retry_after)
        except TelegramConflictError:
            log.warning("telegram.another_poller", hint="another process polls with the same token; only one may")
        except TelegramAPIError as error:
            log.warning("telegram.unreachable", error=type(error).__name__, why=error.message)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def _poll(bot: Bot, inbox: Inbox) -> None:
    offset = 0

    async def look(seconds: int) -> list[dict[str, Any]]:
        wanted = RawUpdates(offset=offset, timeout=seconds, allowed_updates=list(ALLOWED_UPDATES))
        return await bot(wanted, request_timeout=seconds + 10)

    try:
        while True:
            for update in await patiently(lambda: look(POLL_S)):
                await inbox.put(update)
                offset = update["update_id"] + 1
    finally:  # Telegram need not send again what is stored here
        if offset:
            with suppress(TelegramAPIError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await look(0)
