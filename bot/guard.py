"""Who speaks, and whether these are their own words: whatever is not certain goes no further."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.exceptions import TelegramAPIError
from aiogram.types import CallbackQuery, Message, TelegramObject, Update

from naryad.accounts.accounts import person
from naryad.accounts.links import Links
from naryad.errors import NaryadError
from naryad.i18n import LANGUAGES, _, speaking

log = structlog.get_logger()
ALLOWED_UPDATES = ("message", "callback_query")
_BORROWED = (
    *("forward_origin", "via_bot", "sender_chat", "sender_business_bot", "business_connection_id", "edit_date"),
    *("is_automatic_forward", "guest_bot_caller_user", "guest_bot_caller_chat"),
)
"""Fields of a message that its sender did not write here and now."""
STRANGER_S = 2.0
"""Of what a stranger sends within this time only the first is looked at."""
_MANY_STRANGERS = 10_000
Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Guard(BaseMiddleware):
    """Passes on what a person wrote or pressed themselves in a private chat, with their account.

    Args:
        links: Who is who.
        lang: The language for those of whom nothing is known.
    """

    def __init__(self, links: Links, lang: str) -> None:
        self._links, self._lang = links, lang
        self._told: set[int] = set()
        self._strangers: dict[int, float] = {}

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        """Judge one update."""
        assert isinstance(event, Update)
        came = event.message or event.callback_query
        if came is None or came.from_user is None:
            return
        account = await self._links.of(came.from_user.id)
        if account is None and self._too_soon(came.from_user.id):
            return
        lang = account.lang if account else came.from_user.language_code
        with speaking(lang if lang in LANGUAGES else self._lang):
            try:
                if refusal := await self._refusal(came):
                    await tell(came, refusal)
                elif refusal is None:
                    who = person(account) if account else None
                    await handler(event, {**data, "account": account, "who": who})
            except NaryadError as error:
                await tell(came, error.message)

    def _too_soon(self, stranger: int) -> bool:
        """Whether a stranger comes again at once: a flood of them must not keep people's updates waiting."""
        if len(self._strangers) > _MANY_STRANGERS:
            self._strangers.clear()
        moment, last = time.monotonic(), self._strangers.get(stranger, -STRANGER_S)
        if moment - last < STRANGER_S:
            return True
        self._strangers[stranger] = moment
        return False

    async def _refusal(self, came: Message | CallbackQuery) -> str | None:
        """Why it goes no further: None where it may, empty where nothing is said about it."""
        if isinstance(came, CallbackQuery):
            return None if _pressed(came) else _("This button is no longer good; send /pending.")
        if came.chat.type != "private":
            return self._in_public(came)
        if not _own_words(came):
            return _("Only what you write yourself counts here: nothing forwarded, edited or sent through a bot.")
        return None

    def _in_public(self, message: Message) -> str:
        if message.chat.id in self._told or message.chat.type == "channel":
            return ""
        self._told.add(message.chat.id)
        return _("I work in private chats only.")


def _own_words(message: Message) -> bool:
    """Whether the sender wrote this now and here; a private chat's id is the person's."""
    sender = message.from_user
    borrowed = any(getattr(message, mark) for mark in _BORROWED)
    return sender is not None and not sender.is_bot and sender.id == message.chat.id and not borrowed


def _pressed(query: CallbackQuery) -> bool:
    """Whether it is a button that stands under a message of ours in the private chat with who pressed it."""
    message = query.message
    if not isinstance(message, Message) or query.from_user.is_bot or query.inline_message_id:
        return False
    ours = message.from_user is not None and query.bot is not None and message.from_user.id == query.bot.id
    rows = message.reply_markup.inline_keyboard if message.reply_markup else []
    there = {button.callback_data for row in rows for button in row}
    private = message.chat.type == "private" and message.chat.id == query.from_user.id
    return ours and private and query.data is not None and query.data in there


async def tell(came: Message | CallbackQuery, text: str) -> None:
    """Answer whoever wrote or pressed; that they cannot be reached is no failure of ours."""
    try:
        if isinstance(came, CallbackQuery):
            await came.answer(text[:200], show_alert=bool(text))
        elif text:
            await came.answer(text)
    except TelegramAPIError as error:
        log.info("telegram.answer.failed", error=type(error).__name__)
