"""`naryad serve`: the API, the background work and the bot, in one process."""

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import session, show
from naryad.errors import NaryadError
from naryad.i18n import N_, _

if TYPE_CHECKING:
    from naryad.settings import Settings
    from server.background import Pieces
    from server.parts import Parts

MOST_BYTES = 65_536
GRACE_S = 10
"""How long streams may go on after the server was told to stop; their clients continue with `Last-Event-ID`."""


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help=N_("Where to listen; else API_HOST."))] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, metavar="PORT", help=N_("The port; else API_PORT."))
    ] = None,
) -> None:
    """Run the server until it is stopped."""
    overrides: dict[str, Any] = {}
    if host:
        overrides["API_HOST"] = host
    if port is not None:
        overrides["API_PORT"] = port
    session.go(_serve(overrides), own_signals=True)


async def _serve(overrides: dict[str, Any]) -> None:
    settings = session.settings(**overrides)
    with _bound(settings.api_host, settings.api_port) as opened:
        await _answer(settings, opened)


def _bound(host: str, port: int) -> socket.socket:
    """A socket at the address, before anything is opened that an address in use would leave behind."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        text = _("Nothing can listen on {host}:{port}: {why}. Does another one run there? See --port and API_PORT.")
        raise NaryadError(text.format(host=host, port=port, why=error.strerror)) from error


async def _answer(settings: "Settings", opened: socket.socket) -> None:
    import uvicorn

    from bot.channel import check
    from naryad import calendar
    from naryad.notify import routes
    from server.app import create

    for look in (check, calendar.load, routes.load):  # what is wrong in a file is said in one line
        look(settings)
    config = uvicorn.Config(
        create(settings, beside=telegram),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,  # of strangers too: a message is held before its token is seen
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    beginning = server.startup

    async def startup(sockets: Any = None) -> None:
        await beginning(sockets=sockets)
        if server.started:
            host, port = opened.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            show.console().print(_("Naryad listens on {url}").format(url=f"http://{shown}:{port}"))

    server.startup = startup  # type: ignore[method-assign]
    with suppress(SystemExit):  # uvicorn's own codes mean something else here
        await server.serve(sockets=[opened])
    if not server.started:
        raise NaryadError(_("The server could not start; its log says why."))


def telegram(parts: "Parts") -> "Pieces":
    """The Telegram bot as a piece of the server's background work, where a token is set."""
    from bot.channel import Channel

    if parts.settings.telegram_token is None:
        return {}
    return {"bot": Channel(parts.crew, parts.driver, parts.inbox, parts.outbox).run}
