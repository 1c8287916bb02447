"""The menu of commands, in every language."""

from aiogram import Bot
from aiogram.types import BotCommand

from naryad.i18n import LANGUAGES, N_, _, speaking

COMMANDS = (
    ("status", N_("how things stand")),
    ("analyze", N_("look at a service: /analyze NAME")),
    ("pending", N_("questions that wait for a decision")),
    ("approve", N_("say yes: /approve ID")),
    ("reject", N_("say no: /reject ID reason")),
    ("incidents", N_("the last incidents")),
    ("handoffs", N_("conversations that wait for a person")),
    ("new", N_("begin another conversation: /new AGENT")),
    ("cancel", N_("end what the agent does now")),
    ("lang", N_("language: /lang ru or /lang en")),
    ("unlink", N_("break the link to your account")),
    ("help", N_("what I can do")),
)


async def publish(bot: Bot, default: str) -> None:
    """Tell Telegram the menu: in the default language, and in each that we speak."""
    for code in (None, *LANGUAGES):
        with speaking(code or default):
            menu = [BotCommand(command=name, description=_(text)) for name, text in COMMANDS]
        await bot.set_my_commands(menu, language_code=code)
