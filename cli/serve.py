"""`naryad serve`: the API, the background work and the bot, in one process."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import session, show
from naryad.errors import NaryadError
from naryad.i18n import N_, _

if TYPE_CHECKING:
    from server.background import Pieces
    from server.parts import Parts

GRACE_S = 10
"""How long streams may go on after the server was told to stop; their clients continue with `Last-Event-ID`."""


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help=N_("Where to listen; else API_HOST."))] = "",
    port: Annotated[int, typer.Option(metavar="PORT", help=N_("The port; else API_PORT."))] = -1,
) -> None:
    """Run the server until it is stopped."""
    overrides: dict[str, Any] = {}
    if host:
        overrides["API_HOST"] = host
    if port >= 0:
        overrides["API_PORT"] = port
    session.go(_serve(overrides), own_signals=True)


async def _serve(overrides: dict[str, Any]) -> None:
    import uvicorn

    from bot.channel import check
    from server.app import create

    settings = session.settings(**overrides)
    check(settings)
    config = uvicorn.Config(
        create(settings, beside=telegram),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="websockets-sansio",
    )
    server = uvicorn.Server(config)
    listening = server.startup

    async def startup(sockets: Any = None) -> None:
        await listening(sockets=sockets)
        if server.started:
            address = server.servers[0].sockets[0].getsockname()
            show.console().print(_("Naryad listens on {url}").format(url=f"http://{address[0]}:{address[1]}"))

    server.startup = startup  # type: ignore[method-assign]
    await server.serve()
    if not server.started:
        raise NaryadError(_("The server could not start; its log says why."))


def telegram(parts: "Parts") -> "Pieces":
    """The Telegram bot as a piece of the server's background work, where a token is set."""
    from bot.channel import Channel

    if parts.settings.telegram_token is None:
        return {}
    return {"bot": Channel(parts.crew, parts.driver, parts.inbox, parts.outbox).run}
