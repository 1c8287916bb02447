"""/handoffs, the buttons under a handoff, and answers to its card, which go to the user."""

from typing import Any

from aiogram import F, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot import handoff_cards
from bot.desk import Desk
from bot.handoff_cards import Act, Press
from naryad.auth import Person
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.errors import Refused
from naryad.handoffs import TAKERS
from naryad.i18n import _

MOST = 5


def router() -> Router:
    """For those who may answer instead of the agent; to others their words are words for the agent."""
    made = Router(name="handoffs")
    made.message.register(waiting, Command("handoffs"), _may_take)
    made.message.register(reply, F.text, ~F.text.startswith("/"), _answers_card, _may_take)
    made.callback_query.register(press, Press.filter(), _may_take)
    return made


def _may_take(_event: object, who: Person) -> bool:
    return bool(who.roles & TAKERS)


def _answers_card(message: Message) -> bool | dict[str, Any]:
    """Whether it is an answer to a card of ours: the buttons below that say of which handoff."""
    card, bot = message.reply_to_message, message.bot
    if not (card and card.reply_markup and card.from_user and bot and card.from_user.id == bot.id):
        return False
    for button in (button for row in card.reply_markup.inline_keyboard for button in row):
        if button.callback_data and button.callback_data.startswith(f"{Press.__prefix__}:"):
            return {"handoff_id": Press.unpack(button.callback_data).id}
    return False


async def waiting(message: Message, who: Person, desk: Desk) -> None:
    """The conversations that a person must answer, the newest first."""
    found = await desk.crew.handoffs.listed(HandoffStatus.OPEN, HandoffStatus.TAKEN, limit=MOST)
    for one in found:
        await message.answer(**(await handoff_cards.handoff(desk, one, who)).kwargs())
    if not found:
        await message.answer(_("Nobody waits for a person."))


async def reply(message: Message, handoff_id: str, who: Person, desk: Desk) -> None:
    """Say it to the user."""
    key = f"telegram:{message.chat.id}:{message.message_id}"
    await desk.crew.handoffs.reply(handoff_id, who, message.text or "", key=key)
    await message.answer(_("Sent to the user."))


async def press(query: CallbackQuery, callback_data: Press, who: Person, desk: Desk) -> None:
    """A button under a handoff."""
    assert isinstance(query.message, Message)
    handoffs = desk.crew.handoffs
    try:
        match callback_data.act:
            case Act.TAKE:
                one = await handoffs.take(callback_data.id, who)
            case Act.RETURN:
                one = await handoffs.hand_back(callback_data.id, who)
            case Act.SHOW:
                one = await handoffs.of_id(callback_data.id)
    except Refused:
        await _redraw(query.message, desk, await handoffs.of_id(callback_data.id), who)
        raise
    await query.answer()
    await _redraw(query.message, desk, one, who)


async def _redraw(message: Message, desk: Desk, one: Handoff, who: Person) -> None:
    try:
        await message.edit_text(**(await handoff_cards.handoff(desk, one, who)).kwargs())
    except TelegramBadRequest as refusal:
        if "not modified" not in refusal.message:
            raise
