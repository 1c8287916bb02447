"""/pending, /approve, /reject and the buttons under questions: the only words here that decide."""

from aiogram import Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot import cards
from bot.cards import Act, Press
from bot.desk import Desk
from naryad.auth import Person
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.errors import NotFound, Refused
from naryad.gate.approvals import Verdict
from naryad.i18n import _

MOST = 5


def router() -> Router:
    """For linked people; each question for those who may see it."""
    made = Router(name="approvals")
    made.message.register(pending, Command("pending"))
    made.message.register(approve, Command("approve"))
    made.message.register(reject, Command("reject"))
    made.callback_query.register(press, Press.filter())
    return made


async def pending(message: Message, who: Person, desk: Desk) -> None:
    """The questions that wait, the newest first."""
    found = await desk.crew.gate.approvals.page(who, ApprovalStatus.PENDING)
    for asked in found[:MOST]:
        await message.answer(**(await cards.approval(desk, asked, who)).kwargs())
    if not found:
        await message.answer(_("Nothing waits for a decision."))
    elif len(found) > MOST:
        await message.answer(_("There are {n} more.").format(n=len(found) - MOST))


async def approve(message: Message, command: CommandObject, who: Person, desk: Desk) -> None:
    """Say yes; to what cannot be undone only with the digest of what was read."""
    asked, words = await _named(desk, who, command.args)
    proof, _space, reason = words.partition(" ")
    if cards.risky(desk, asked):
        if proof != cards.digest(asked):
            await message.answer(**(await cards.approval(desk, asked, who, sure=True)).kwargs())
            return
        words = reason.strip()
    decided = await _decide(desk, who, asked, Verdict.APPROVE, words)
    await message.answer(**(await cards.approval(desk, decided, who)).kwargs())


async def reject(message: Message, command: CommandObject, who: Person, desk: Desk) -> None:
    """Say no, and why."""
    asked, words = await _named(desk, who, command.args)
    decided = await _decide(desk, who, asked, Verdict.REJECT, words)
    await message.answer(**(await cards.approval(desk, decided, who)).kwargs())


async def press(query: CallbackQuery, callback_data: Press, who: Person, desk: Desk) -> None:
    """A button under a question."""
    assert isinstance(query.message, Message)
    asked = await _seen(desk, who, callback_data.id)
    if callback_data.digest != cards.digest(asked):
        raise Refused(_("The question has changed; send /pending."))
    if callback_data.act is Act.ALL:
        await query.answer()
        for piece in cards.whole(asked):
            await query.message.answer(piece)
        return
    try:
        if callback_data.act is Act.YES:
            asked = await _decide(desk, who, asked, Verdict.APPROVE)
        elif callback_data.act is Act.NO:
            asked = await _decide(desk, who, asked, Verdict.REJECT)
    except Refused:
        await _redraw(query.message, desk, await _seen(desk, who, asked.id), who)
        raise
    await query.answer()
    await _redraw(query.message, desk, asked, who, sure=callback_data.act is Act.ASK)


async def _redraw(message: Message, desk: Desk, asked: Approval, who: Person, *, sure: bool = False) -> None:
    card = await cards.approval(desk, asked, who, sure=sure)
    try:
        await message.edit_text(**card.kwargs())
    except TelegramBadRequest as refusal:
        if "not modified" not in refusal.message:
            raise


async def _named(desk: Desk, who: Person, args: str | None) -> tuple[Approval, str]:
    """The question that a command names, and the words behind it."""
    identifier, _space, words = (args or "").strip().partition(" ")
    return await _seen(desk, who, identifier), words.strip()


async def _seen(desk: Desk, who: Person, identifier: str) -> Approval:
    """A question that this person may see; any other is as if it were not there."""
    asked = await desk.crew.gate.approvals.get(identifier)
    if not cards.may_see(who, asked):
        raise NotFound(_("There is no single approval {id!r}; see the list.").format(id=identifier))
    return asked


async def _decide(desk: Desk, who: Person, asked: Approval, verdict: Verdict, reason: str = "") -> Approval:
    decided = await desk.crew.gate.approvals.decide(asked.id, who, verdict, reason)
    if decided.status is not ApprovalStatus.PENDING:
        desk.driver.start(decided.thread_id, decided.agent)
        desk.followers.poke(decided.thread_id)
    return decided
