"""Handoffs as messages: what a person must know to answer, and the buttons that fit."""

from enum import StrEnum

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiogram.utils.formatting import Bold, Code, Text

from bot import wording
from bot.cards import Card, moment
from bot.desk import Desk
from bot.wording import plain
from naryad.auth import Person, Role
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.handoffs.conversation import Speaker, of_thread
from naryad.i18n import N_, _

SAID, _LINE, _WORDS = 6, 200, 500
"""So many of the last words stand on a card."""
_MARKS = {HandoffStatus.OPEN: "🙋", HandoffStatus.TAKEN: "💬", HandoffStatus.RETURNED: "🤖"}
_SPEAKERS = {Speaker.USER: N_("User"), Speaker.AGENT: N_("Agent"), Speaker.PERSON: N_("Person")}


class Act(StrEnum):
    """What a button does."""

    TAKE = "take"
    RETURN = "return"
    SHOW = "show"


class Press(CallbackData, prefix="h"):
    """A button under a handoff; a card always has one, and says by it which handoff an answer to it is for."""

    act: Act
    id: str


async def handoff(desk: Desk, one: Handoff, who: Person) -> Card:
    """One handoff as it stands now.

    Args:
        desk: What the bot works with.
        one: The handoff.
        who: Who reads it: only what they may do has a button.
    """
    said = await of_thread(desk.crew.runtime.events, one.thread_id, limit=SAID)
    words = [
        wording.cut(plain(f"{each.name or _(_SPEAKERS[each.speaker])}: {' '.join(each.text.split())}"), _WORDS)
        for each in said
    ]
    facts = _("For {principal}; urgency: {urgency}. {reason}").format(
        principal=await desk.named(one.principal), urgency=_(one.urgency), reason=one.reason
    )
    lines = [
        Bold(f"{_MARKS[one.status]} {wording.cut(plain(one.summary), _WORDS)}"),
        wording.cut(plain(facts), 2 * _LINE),
        *(wording.cut(plain(f"· {step}"), _LINE) for step in one.tried[-SAID:]),
        *([""] if words else []),
        *words,
        "",
        wording.cut(plain(await _standing(desk, one)), _LINE),
        Text(_("Handoff"), " ", Code(one.id[-8:])),
    ]
    return Card(Text(*[part for line in lines for part in (line, "\n")][:-1]), _buttons(one, who))


async def _standing(desk: Desk, one: Handoff) -> str:
    match one.status:
        case HandoffStatus.OPEN:
            text = _("Nobody answers since {at}. Answer this message to write to the user.")
            return text.format(at=moment(one.opened_at, desk))
        case HandoffStatus.TAKEN:
            text = _("{name} answers. Their answers to this message go to the user.")
            return text.format(name=await desk.named(one.taken_by))
    return _("The agent answers again.")


def _buttons(one: Handoff, who: Person) -> InlineKeyboardMarkup:
    wanted = [(Act.SHOW, "🔄 " + _("Refresh"))]
    if one.status is HandoffStatus.OPEN:
        wanted.insert(0, (Act.TAKE, "✋ " + _("Take")))
    elif one.status is HandoffStatus.TAKEN and (one.taken_by == who.id or Role.ADMIN in who.roles):
        wanted.insert(0, (Act.RETURN, "🤖 " + _("Return to the agent")))
    row = [InlineKeyboardButton(text=text, callback_data=Press(act=act, id=one.id).pack()) for act, text in wanted]
    return InlineKeyboardMarkup(inline_keyboard=[row])
