"""`naryad serve`: the API, the background work and the bot, in one process."""

import gc
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import session, show
from naryad.errors import NaryadError
from naryad.i18n import N_, _

if TYPE_CHECKING:
    import uvicorn

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
    sys.stdout.write(_("Naryad is starting; Ctrl-C stops it.") + "\n")
    sys.stdout.flush()  # at once: what follows takes seconds
    overrides: dict[str, Any] = {}
    if host:
        overrides["API_HOST"] = host
    if port is not None:
        overrides["API_PORT"] = port
    try:
        settings = session.settings(**overrides)
        with _bound(settings.api_host, settings.api_port) as opened:
            server = _server(settings, opened)  # not in the event loop, which would let no Ctrl-C through meanwhile
            session.go(_answer(server, opened), own_signals=True)
    except KeyboardInterrupt:
        raise session.Interrupted(_("Interrupted.")) from None


def _bound(host: str, port: int) -> socket.socket:
    """A socket at the address, before anything is opened that an address in use would leave behind."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        opened = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        text = _("Nothing can listen on {host}:{port}: {why}. Does another one run there? See --port and API_PORT.")
        raise NaryadError(text.format(host=host, port=port, why=error.strerror)) from error
    # Found out anew from its number, it says that it speaks TCP: only then does asyncio turn Nagle's wait off, which
    # costs each answer 40 ms.
    return socket.socket(fileno=opened.detach())


def _server(settings: "Settings", opened: socket.socket) -> "uvicorn.Server":
    import uvicorn

    from bot.channel import check
    from evals.canaries import CaseCanaries
    from naryad import calendar
    from naryad.notify import routes
    from server.app import create

    for look in (check, calendar.load, routes.load):  # what is wrong in a file is said in one line
        look(settings)
    config = uvicorn.Config(
        create(settings, beside=telegram, canaries=CaseCanaries(settings)),
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
            gc.collect()
            gc.freeze()  # what was imported stays: no search for garbage need look through it again
            gc.set_threshold(10_000, 10, 10)
            host, port = opened.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            show.console().print(_("Naryad listens on {url}").format(url=f"http://{shown}:{port}"))

    server.startup = startup  # type: ignore[method-assign]
    return server


async def _answer(server: "uvicorn.Server", opened: socket.socket) -> None:
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
