"""Tells people on Telegram of questions and incidents, and keeps what was told up to date."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNotFound,
    TelegramRetryAfter,
)
from aiogram.methods import EditMessageText, SendMessage, TelegramMethod

from bot import cards, handoff_cards
from bot.cards import Card
from bot.desk import Desk
from bot.wording import plain, split
from naryad.accounts.accounts import person
from naryad.auth import Person, Role
from naryad.db.models.account import Account
from naryad.errors import NaryadError, NotFound
from naryad.handoffs import TAKERS
from naryad.i18n import _, speaking
from naryad.notify.pushes import SAID
from naryad.outbox import RetryLater, Undeliverable

_NEW = ("handoff.said", "handoff.overdue")
"""What comes as a message of its own, however much was said of the matter: an edit wakes nobody."""
_ADMINS = Person("telegram:admins", frozenset(Role))
"""Who reads ADMIN_CHAT_ID: told of everything, and given no button, since nobody there is known."""


class Sender:
    """Delivers the messages of the channel `telegram`: what they say is read from the database at that moment."""

    def __init__(self, bot: Bot, desk: Desk) -> None:
        self._bot, self._desk = bot, desk

    async def send(self, target: str, payload: Mapping[str, Any], previous: str | None) -> str:
        """Send one, or edit the one before it; returns the message's id."""
        account = await self._desk.links.of(int(target))
        if account and payload["kind"] == SAID:
            return await self._reply(account, payload)
        if account:
            with speaking(account.lang):
                card = await self._card(payload, person(account))
        elif int(target) == self._desk.settings.admin_chat_id:
            with speaking(self._desk.settings.lang):
                card = replace(await self._card(payload, _ADMINS), keyboard=None)
        else:
            raise Undeliverable("nobody is linked to this Telegram")
        if previous and payload["kind"] not in _NEW and await self._edited(int(target), int(previous), card):
            return previous
        sent = await self._call(SendMessage(chat_id=int(target), **card.kwargs()))
        return str(sent.message_id)

    async def _card(self, payload: Mapping[str, Any], who: Person) -> Card:
        kind = payload["kind"].partition(".")[0]
        try:
            if kind == "approval":
                asked = await self._desk.crew.gate.approvals.get(payload[kind])
                if cards.may_see(who, asked):
                    return await cards.approval(self._desk, asked, who)
            elif kind == "incident" and Role.OPERATOR in who.roles:
                return cards.incident(self._desk, await self._desk.crew.incidents.get(payload[kind]))
            elif kind == "report" and Role.OPERATOR in who.roles:
                return cards.report(payload)
            elif kind == "handoff" and who.roles & TAKERS:
                one = await self._desk.crew.handoffs.of_id(payload[kind])
                return await handoff_cards.handoff(self._desk, one, who)
        except NotFound as error:
            raise Undeliverable(error.message) from error
        raise Undeliverable("it is not for this person")

    async def _reply(self, account: Account, payload: Mapping[str, Any]) -> str:
        """What a person said to a user, in as many messages as it takes; returns the id of the last."""
        talk = await self._desk.talks.of_thread(payload["thread"])
        said = await self._desk.crew.handoffs.said(payload["thread"], payload["reply"])
        if talk is None or talk.account_id != account.id or said is None:
            raise Undeliverable("it is not for this person, or is no more")
        with speaking(account.lang):
            text = f"{said.name or _('Support')}: {said.text}"
        sent = None
        for piece in split(plain(text)):
            sent = await self._call(SendMessage(chat_id=int(account.telegram_id or 0), text=piece))
        return str(sent.message_id) if sent else ""

    async def _edited(self, chat_id: int, message_id: int, card: Card) -> bool:
        """Whether the message says it now; not where the person deleted it or it is too old."""
        try:
            await self._call(EditMessageText(chat_id=chat_id, message_id=message_id, **card.kwargs()))
        except Undeliverable as refusal:
            if "not modified" in refusal.message:
                return True
            if "message to edit" in refusal.message or "can't be edited" in refusal.message:
                return False
            raise
        return True

    async def _call(self, wanted: TelegramMethod[Any]) -> Any:
        """One call past the pace of conversations: the outbox knows when to come again."""
        try:
            return await self._bot.session.make_request(self._bot, wanted)
        except TelegramRetryAfter as wait:
            raise RetryLater(wait.retry_after) from None
        except (TelegramBadRequest, TelegramForbiddenError, TelegramNotFound) as refusal:
            raise Undeliverable(refusal.message) from None
        except TelegramAPIError as error:
            raise NaryadError(error.message) from None
