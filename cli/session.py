"""One command's life in the event loop: settings, language, quiet logs, the crew."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from naryad.i18n import _

if TYPE_CHECKING:
    from agents.registry import Crew
    from naryad.settings import Settings

T = TypeVar("T")
EXIT_INTERRUPTED = 130


def go(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; Ctrl-C cancels it, lets it clean up, and ends the command with 130."""
    _quiet_logs()
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        sys.stderr.write(
            "\n" + _("Interrupted. What was begun is recorded; go on with: naryad run AGENT --thread ID") + "\n"
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None


async def at_terminal(ask: Callable[[], T]) -> T:
    """Wait for a person without stopping the event loop.

    In a daemon thread: Ctrl-C must end the command at once, and nothing can wake a thread that reads a terminal.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def wait() -> None:
        try:
            said = ask()
        except BaseException as error:  # whatever ends the question ends the command
            loop.call_soon_threadsafe(_settle, answer, None, error)
        else:
            loop.call_soon_threadsafe(_settle, answer, said, None)

    threading.Thread(target=wait, daemon=True).start()
    return await answer


def _settle(answer: "asyncio.Future[Any]", said: Any, error: BaseException | None) -> None:
    if answer.cancelled():
        return
    if error is None:
        answer.set_result(said)
    else:
        answer.set_exception(error)


def settings(**overrides: object) -> "Settings":
    """The settings, with the language put in force."""
    from naryad import i18n
    from naryad.settings import load

    loaded = load(**overrides)
    i18n.use(loaded.lang)
    return loaded


@asynccontextmanager
async def crew() -> "AsyncIterator[Crew]":
    """The crew on the present settings."""
    from agents.registry import open_crew

    async with open_crew(settings()) as opened:
        yield opened


def interactive() -> bool:
    """Whether a person sits at both ends of the terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _quiet_logs() -> None:
    """Logs go to stderr, from warnings up; NARYAD_LOG=info or debug shows more. Secrets are masked."""
    import logging

    import structlog

    from naryad import masking

    def mask(_logger: Any, _method: str, event: Any) -> Any:
        return masking.in_value(dict(event), masking.secrets)

    level = getattr(logging, os.environ.get("NARYAD_LOG", "warning").upper(), logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            structlog.processors.format_exc_info,
            mask,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
