"""The connection to Telegram: the token, which is part of every address, leaves it neither in an error nor in a log."""

import asyncio
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramAPIError,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiogram.methods import Response, SendChatAction, TelegramMethod
from aiogram.methods.base import TelegramType

GAP_S = 1.0
"""Between two messages or edits in one chat: what Telegram asks for."""
LONGEST_S = 60
"""A longer pause that Telegram asks for is not waited for here."""
TRIES = 3
_MANY_CHATS = 10_000


class Wire(AiohttpSession):
    """aiogram's session, whose errors are safe to show."""

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109  aiogram's signature
    ) -> TelegramType:
        """One call; every failure is a `TelegramAPIError`."""
        failure: AiogramError
        try:
            return await super().make_request(bot, method, timeout)
        except ClientDecodeError:
            failure = TelegramNetworkError(method=method, message="the answer cannot be read")
        except TelegramAPIError as error:
            failure = error
            failure.message = _without(bot.token, error.message)
        except (OSError, ValueError) as error:
            failure = TelegramNetworkError(method=method, message=type(error).__name__)
        # Raised out here it carries no trace of what it came from, which holds the address.
        failure.__cause__ = failure.__context__ = None
        raise failure


def _without(token: str, text: str) -> str:
    secret = token.partition(":")[2]
    return text.replace(token, "•••").replace(secret, "•••") if secret else text


class Pace(BaseRequestMiddleware):
    """Lets one message or edit a second into a chat, and waits when Telegram asks for a pause.

    Args:
        gap_s: The time between two of them.
    """

    def __init__(self, gap_s: float = GAP_S) -> None:
        self._gap_s = gap_s
        self._free: dict[Any, float] = {}

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        """Make a request in its turn."""
        chat = getattr(method, "chat_id", None)
        if chat is None or isinstance(method, SendChatAction):
            return await make_request(bot, method)
        tries = 0
        while True:
            await self._turn(chat)
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as wait:
                tries += 1
                self._free[chat] = asyncio.get_running_loop().time() + wait.retry_after
                if tries >= TRIES or wait.retry_after > LONGEST_S:
                    raise

    async def _turn(self, chat: Any) -> None:
        moment = asyncio.get_running_loop().time()
        if len(self._free) > _MANY_CHATS:
            self._free = {known: free for known, free in self._free.items() if free > moment}
        mine = max(moment, self._free.get(chat, 0.0))
        self._free[chat] = mine + self._gap_s
        await asyncio.sleep(mine - moment)
