"""/start, /help, /unlink, /lang: who one is here, and what one may do."""

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message

from bot.desk import Desk
from bot.menu import COMMANDS
from naryad.db.models.account import Account
from naryad.i18n import LANGUAGES, _, speaking


def router() -> Router:
    """For linked people."""
    made = Router(name="start")
    made.message.register(start, Command("start", "link"))
    made.message.register(help_, Command("help"))
    made.message.register(unlink, Command("unlink"))
    made.message.register(lang, Command("lang"))
    return made


async def start(message: Message, account: Account) -> None:
    """Say whom the person is linked to."""
    text = _("You are linked to the account {email}, your role is {role}. /help tells what I can do.")
    await message.answer(text.format(email=account.email, role=account.role))


async def help_(message: Message) -> None:
    """List the commands."""
    lines = [f"/{name} — {_(text)}" for name, text in COMMANDS]
    await message.answer("\n".join([*lines, "", _("Whatever else you write goes to the agent.")]))


async def unlink(message: Message, account: Account, desk: Desk) -> None:
    """Break the link."""
    await desk.links.unlink(account.id)
    await message.answer(_("You are no longer linked."))


async def lang(message: Message, account: Account, command: CommandObject, desk: Desk) -> None:
    """Speak another language."""
    wanted = (command.args or "").strip().lower()
    if wanted not in LANGUAGES:
        await message.answer(
            _("Send one of: {choices}.").format(choices=", ".join(f"/lang {one}" for one in LANGUAGES))
        )
        return
    await desk.speak(account.id, wanted)
    with speaking(wanted):
        await message.answer(_("I speak English now."))
