"""People who are not linked: they may show a code, and learn nothing else."""

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot.desk import Desk
from naryad.db.models.account import Account
from naryad.i18n import _, speaking


def router() -> Router:
    """For whoever has no account here."""
    made = Router(name="strangers")
    made.message.filter(_stranger)
    made.callback_query.filter(_stranger)
    made.message.register(redeem, Command("start", "link", magic=F.args))
    made.message.register(how_to)
    made.callback_query.register(nothing)
    return made


def _stranger(_event: object, account: Account | None) -> bool:
    return account is None


async def redeem(message: Message, command: CommandObject, desk: Desk) -> None:
    """Link whoever shows a code."""
    assert message.from_user is not None
    account = await desk.links.redeem(command.args or "", message.from_user.id)
    with speaking(account.lang):
        text = _("You are linked to the account {email}. If it is not yours, send /unlink. /help tells what I can do.")
        await message.answer(text.format(email=account.email))


async def how_to(message: Message) -> None:
    """Say how a link is made."""
    await message.answer(_("I do not know you. Make a code on your account's page and send it: /start CODE"))


async def nothing(query: CallbackQuery) -> None:
    """Stop the clock on the button."""
    await query.answer()
