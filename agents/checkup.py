"""The check-up of an install: every integration, whether it is configured, whether it answers, what to do."""

import asyncio
from collections.abc import Awaitable, Callable

from agents.registry import load_catalogue, load_runbooks
from naryad import calendar
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.gate.policy import PolicyFile
from naryad.i18n import N_, _
from naryad.llm import prices
from naryad.llm.chain import build_chain
from naryad.notify import routes
from naryad.runtime import policy_path
from naryad.settings import Settings
from naryad.ticket_sync import mapping
from naryad.tickets import promise
from tools import registry
from tools.registry import Check

NO_MODEL = N_("Runbooks work without one. For the rest set OPENAI_API_KEY, or NARYAD_LOCAL_MODEL to a GGUF file.")
DATABASE_HINT = N_("Check DATABASE_URL, and that the server runs and lets this user in.")
NO_MAIL = N_("The rest works without mail: set IMAP_HOST to read letters, SMTP_HOST to send them.")

NO_BOT = N_("For the Telegram bot set TELEGRAM_TOKEN.")
TELEGRAM_HINT = N_("Check TELEGRAM_TOKEN, TELEGRAM_API_URL, and the way to Telegram from this machine.")
PATIENCE_S = 10.0


async def checkup(settings: Settings) -> list[Check]:
    """Ask everything at once; nothing is changed, and one that fails does not hide the others."""
    parts: list[Callable[[Settings], Awaitable[list[Check]]]] = [
        *(_files, _database, _models, _mail, _telegram),
        registry.checks,
    ]
    found = await asyncio.gather(*(part(settings) for part in parts))
    return [check for part in found for check in part]


async def _files(settings: Settings) -> list[Check]:
    readers: dict[str, Callable[[], object]] = {
        "policy": lambda: PolicyFile(policy_path(settings), settings.zone),
        "services": lambda: load_catalogue(settings),
        "runbooks": lambda: load_runbooks(settings),
        "calendar": lambda: calendar.load(settings),
        "notify": lambda: routes.load(settings),
        "sla": lambda: promise.load(settings),
        "trackers": lambda: mapping.load(settings),
        "prices": lambda: prices.load(settings),
    }
    return [await asyncio.to_thread(_file, name, read) for name, read in readers.items()]


def _file(name: str, read: Callable[[], object]) -> Check:
    try:
        read()
    except NaryadError as error:
        return Check(name, configured=True, reachable=False, hint=error.message)
    return Check(name, configured=True, reachable=True)


async def _database(settings: Settings) -> list[Check]:
    kind = "postgresql" if settings.database.startswith("postgresql") else "sqlite"
    try:
        database = Database(settings.database)
        try:
            await database.ping()
        finally:
            await database.close()
    except NaryadError as error:
        return [Check(kind, configured=True, reachable=False, hint=f"{error.message}. {_(DATABASE_HINT)}")]
    return [Check(kind, configured=True, reachable=True)]


async def _mail(settings: Settings) -> list[Check]:
    from naryad.mail.mailbox import opens
    from naryad.notify.mail import MailSender

    servers: dict[str, tuple[bool, Callable[[], object]]] = {
        "imap": (bool(settings.imap_host), lambda: opens(settings)),
        "smtp": (bool(settings.smtp_host), lambda: MailSender(settings).check()),
    }
    return [
        await asyncio.to_thread(_file, name, ask)
        if wanted
        else Check(name, configured=False, reachable=None, hint=NO_MAIL)
        for name, (wanted, ask) in servers.items()
    ]


async def _telegram(settings: Settings) -> list[Check]:
    """Whether Telegram knows the bot."""
    import httpx

    if settings.telegram_token is None:
        return [Check("telegram", configured=False, reachable=None, hint=NO_BOT)]
    url = f"{settings.telegram_api.rstrip('/')}/bot{settings.telegram_token.get_secret_value()}/getMe"
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
            known = (await client.get(url)).json()["ok"] is True
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, KeyError):  # their texts hold the token
        known = False
    return [Check("telegram", configured=True, reachable=known, hint="" if known else TELEGRAM_HINT)]


async def _models(settings: Settings) -> list[Check]:
    try:
        chain = build_chain(settings)
    except NaryadError as error:
        return [Check("model", configured=True, reachable=False, hint=error.message)]
    try:
        found = await chain.check()
    finally:
        await chain.close()
    if not found:
        return [Check("model", configured=False, reachable=None, hint=NO_MODEL)]
    return [Check(f"{one.name}: {one.model}", configured=True, reachable=not one.hint, hint=one.hint) for one in found]
