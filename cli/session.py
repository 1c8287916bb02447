"""One command's life in the event loop: settings, language, quiet logs, the crew."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from naryad.errors import ConfigError, NaryadError
from naryad.i18n import _
from naryad.observability import quiet_logs

if TYPE_CHECKING:
    from agents.registry import Crew
    from naryad.records import Records
    from naryad.settings import Settings

T = TypeVar("T")
EXIT_INTERRUPTED = 130


class Interrupted(NaryadError):
    """A person, or the system, ended the command; the message says what became of its work."""


def go(work: Coroutine[Any, Any, T], *, own_signals: bool = False) -> T:
    """Run a command's coroutine; Ctrl-C, SIGTERM and a closed terminal cancel it and let it clean up.

    Args:
        work: The command.
        own_signals: Whether it handles signals itself.

    Raises:
        Interrupted: It was cancelled.
    """
    try:
        quiet_logs()
        return asyncio.run(work if own_signals else _cancellable(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Interrupted(_("Interrupted.")) from None
    finally:
        work.close()  # it was perhaps not even begun


async def _cancellable(work: Coroutine[Any, Any, T]) -> T:
    """Ctrl-C is asyncio's own; the others would end the process at once, with what it started still there."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup: the terminal may go
            loop.add_signal_handler(number, task.cancel)
    return await work


def settings(**overrides: object) -> "Settings":
    """The settings, with the language put in force."""
    from naryad import i18n
    from naryad.settings import load

    try:
        loaded = load(**overrides)
    except UnicodeDecodeError as error:
        raise ConfigError(_("this is not UTF-8"), source=".env") from error
    i18n.use(loaded.lang)
    quiet_logs(loaded.log)
    return loaded


@asynccontextmanager
async def records() -> "AsyncIterator[Records]":
    """What is kept on the present settings, for commands that ask no agent."""
    from naryad.records import open_records

    async with open_records(settings()) as opened:
        yield opened


@asynccontextmanager
async def crew() -> "AsyncIterator[Crew]":
    """The crew on the present settings."""
    from agents.registry import open_crew

    async with open_crew(settings()) as opened:
        yield opened


def interactive() -> bool:
    """Whether a person sits at both ends of the terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()
