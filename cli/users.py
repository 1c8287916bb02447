"""`naryad users`: make accounts and change what they may do, at the terminal of the install."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import session, show
from cli.page import App
from naryad.auth import Role, local_person
from naryad.i18n import N_, _

if TYPE_CHECKING:
    from naryad.accounts.accounts import Accounts
    from naryad.db.models.account import Account

app = App()
Email = Annotated[str, typer.Argument(metavar="EMAIL", help=N_("The account's e-mail address."))]
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
_WORDS = (N_("user"), N_("manager"), N_("moderator"), N_("operator"), N_("admin"), N_("active"), N_("disabled"))
"""Roles and statuses as they are shown."""
ROLE = N_("What the person may do: user, manager, moderator, operator or admin.")


@app.command(help=N_("Make an account. The password is asked for, or read from standard input."))
def add(
    email: Email,
    role: Annotated[Role, typer.Option(metavar="ROLE", help=ROLE)] = Role.USER,
    name: Annotated[str, typer.Option(metavar="NAME", help=N_("How the person is called."))] = "",
    json: Json = False,
) -> None:
    """Make an account whose address is taken as confirmed."""
    session.settings()  # asking in the right language
    session.go(_add(email, _password(), role, name, json=json))


@app.command("list", help=N_("Accounts, in the order of their making."))
def listed(
    search: Annotated[str, typer.Option(metavar="TEXT", help=N_("Only with this in the address or the name."))] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help=N_("At most so many."))] = 1000,
    json: Json = False,
) -> None:
    """List accounts."""
    session.go(_list(search, limit, json=json))


@app.command(help=N_("Give an account another role."))
def role(email: Email, role: Annotated[Role, typer.Argument(metavar="ROLE", help=ROLE)], json: Json = False) -> None:
    """Change a role."""
    session.go(_change(email, json=json, role=role))


@app.command(help=N_("A one-time code that links the account to a Telegram: write /start CODE to the bot."))
def link(email: Email, json: Json = False) -> None:
    """Make a code that links an account to a Telegram."""
    session.go(_link(email, json=json))


@app.command(help=N_("Disable an account: its devices are signed out and its keys revoked."))
def disable(email: Email, json: Json = False) -> None:
    """Disable an account."""
    session.go(_change(email, json=json, disabled=True))


@app.command(help=N_("Enable a disabled account."))
def enable(email: Email, json: Json = False) -> None:
    """Enable an account."""
    session.go(_change(email, json=json, disabled=False))


def _password() -> str:
    """Never an argument: others on the machine see those, and the shell remembers them."""
    if session.interactive():
        return str(typer.prompt(_("Password"), hide_input=True, confirmation_prompt=_("The same again")))
    return sys.stdin.readline().rstrip("\r\n")


@asynccontextmanager
async def _accounts() -> "AsyncIterator[Accounts]":
    from naryad.accounts.accounts import Accounts
    from naryad.runtime import open_runtime

    async with open_runtime(session.settings()) as runtime:
        yield Accounts(runtime.database)


async def _add(email: str, password: str, role: Role, name: str, *, json: bool) -> None:
    async with _accounts() as accounts:
        by = local_person().id
        _tell(await accounts.create(email, password, role, name, lang=session.settings().lang, by=by), json=json)


async def _link(email: str, *, json: bool) -> None:
    from naryad.accounts.accounts import Accounts
    from naryad.accounts.links import Links
    from naryad.runtime import open_runtime

    async with open_runtime(session.settings()) as runtime:
        account = await Accounts(runtime.database).by_email(email)
        code = await Links(runtime.database).code(account.id)
    if json:
        show.as_json({"code": code})
    else:
        show.console().print(_("Write to the bot within ten minutes: /start {code}").format(code=code))


async def _list(search: str, limit: int, *, json: bool) -> None:
    async with _accounts() as accounts:
        found = await accounts.listed(search=search, limit=limit)
    if json:
        for account in found:
            show.as_json(_public(account))
        return
    rows = [(account.email, _(account.role), _(account.status), account.name) for account in found]
    show.table([_("Address"), _("Role"), _("Status"), _("Name")], rows)


async def _change(email: str, *, json: bool, **values: Any) -> None:
    async with _accounts() as accounts:
        account = await accounts.by_email(email)
        _tell(await accounts.change(account.id, by=local_person().id, **values), json=json)


def _tell(account: "Account", *, json: bool) -> None:
    if json:
        show.as_json(_public(account))
        return
    text = _("{email}: {role}, {status}.")
    show.console().print(text.format(email=account.email, role=_(account.role), status=_(account.status)), markup=False)


def _public(account: "Account") -> dict[str, Any]:
    told = account.model_dump(include={"id", "email", "name", "role", "status", "lang", "created_at"})
    return {**told, "second_factor": account.totp_secret is not None}
