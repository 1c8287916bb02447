"""/analyze, /new, /cancel, and everything else that is written: words for an agent."""

import asyncio

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message

from agents.registry import load_catalogue
from bot.desk import Desk
from naryad.auth import Person
from naryad.db.models.account import Account
from naryad.errors import NotFound, Refused
from naryad.i18n import _


def router() -> Router:
    """For linked people, each with the agents that are open to them."""
    made = Router(name="talk")
    made.message.register(analyze, Command("analyze"))
    made.message.register(new, Command("new"))
    made.message.register(cancel, Command("cancel"))
    made.message.register(unknown, F.text.startswith("/"))
    made.message.register(say, F.text)
    made.message.register(no_text)
    return made


async def analyze(message: Message, command: CommandObject, account: Account, who: Person, desk: Desk) -> None:
    """Let Ops look at one service, in a conversation of its own."""
    agent, wanted = desk.agent(who, "ops"), (command.args or "").strip()
    known = (await asyncio.to_thread(load_catalogue, desk.settings)).by_name
    if wanted not in known:
        raise NotFound(_("Name one of the services: /analyze {names}").format(names=" | ".join(known) or "—"))
    await desk.say(account, who, _("Analyze {service}").format(service=wanted), key=_key(message), agent=agent)


async def new(message: Message, command: CommandObject, account: Account, who: Person, desk: Desk) -> None:
    """Begin a conversation, with another agent where one is named."""
    agent = desk.agent(who, (command.args or "").strip())
    await desk.talks.begin(account.id, agent)
    await message.answer(_("A new conversation with {agent}. What shall it do?").format(agent=agent))


async def cancel(message: Message, account: Account, who: Person, desk: Desk) -> None:
    """End what the person's agent does now."""
    talk = await desk.talks.current(account.id)
    if talk is None:
        raise Refused(_("Nothing runs."))
    await desk.driver.cancel(talk.thread_id, who.id)
    desk.followers.poke(talk.thread_id)
    await message.answer(_("Cancelled."))


async def say(message: Message, account: Account, who: Person, desk: Desk) -> None:
    """Give the agent what was written; it answers as it goes."""
    talk = await desk.talks.current(account.id)
    if talk and await desk.crew.gate.approvals.listed(thread_id=talk.thread_id):
        await message.answer(
            _("This waits for a decision first: your words come after it. /new begins another conversation.")
        )
    await desk.say(account, who, message.text or "", key=_key(message))
    assert message.bot is not None
    await message.bot.send_chat_action(message.chat.id, "typing")


async def unknown(message: Message) -> None:
    """A command that there is not."""
    await message.answer(_("I do not know this command; /help lists mine."))


async def no_text(message: Message) -> None:
    """Pictures, files, voices."""
    await message.answer(_("I read only text."))


def _key(message: Message) -> str:
    return f"telegram:{message.chat.id}:{message.message_id}"
