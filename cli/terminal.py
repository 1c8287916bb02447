"""Asking the person at the terminal without stopping the event loop."""

import asyncio
import os
import sys
import threading
from contextlib import suppress

from naryad.i18n import _

YES = ("y", "yes", "д", "да")
NO = ("n", "no", "н", "нет", "")


def attended() -> bool:
    """Whether a person sits at both ends of the terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


async def confirm(question: str) -> bool | None:
    """Ask for yes or no, the default; None when the input has ended (Ctrl-D)."""
    while (said := await line(f"{question} [y/N]: ")) is not None:
        if said.lower() in YES:
            return True
        if said.lower() in NO:
            return False
        sys.stdout.write(_("Answer y (yes) or n (no).") + "\n")
    return None


async def line(prompt: str) -> str | None:
    """One line of the person's, without the spaces around it; None when the input has ended."""
    sys.stdout.write(prompt)
    sys.stdout.flush()
    typed = await (_typed() if sys.stdin.isatty() else _piped())
    if not typed:
        sys.stdout.write("\n")
        return None
    return typed.strip()


async def _typed() -> str:
    """A terminal hands over whole lines, so it is read only when there is one, and a question can be withdrawn."""
    loop, terminal = asyncio.get_running_loop(), sys.stdin.fileno()
    ready = asyncio.Event()
    loop.add_reader(terminal, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(terminal)
    return os.read(terminal, 65536).decode(errors="replace")


async def _piped() -> str:
    """Files and pipes end by themselves. A daemon thread: nothing can wake one that reads, and Ctrl-C must end us."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def settle(text: str) -> None:
        if not answer.done():
            answer.set_result(text)

    def wait() -> None:
        text = sys.stdin.readline()
        with suppress(RuntimeError):  # the loop is closed: nobody wants it any more
            loop.call_soon_threadsafe(settle, text)

    threading.Thread(target=wait, daemon=True).start()
    return await answer
