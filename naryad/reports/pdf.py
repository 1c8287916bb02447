"""A page as PDF: WeasyPrint works hard for seconds, so it does in a child process, where it holds up nobody."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

import structlog

from naryad.errors import ToolFailed
from naryad.i18n import _

log = structlog.get_logger()
TIMEOUT_S = 120.0
_KEPT = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "HOME", "XDG_CACHE_HOME")
_TOLD = 500


async def pdf(html: str) -> bytes:
    """The page as PDF.

    Raises:
        ToolFailed: It cannot be made: most often a library or a font of the system is missing; the log says which.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    root = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "naryad.child", str(os.getpid()), "naryad.reports.pdf_child", str(int(TIMEOUT_S))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            made, told = await child.communicate(html.encode())
    except TimeoutError:
        made, told = b"", b"it took too long"
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    if child.returncode or not made.startswith(b"%PDF"):
        log.error("report.pdf.failed", why=told.decode("utf-8", "replace")[-_TOLD:])
        raise ToolFailed(_("The PDF could not be made; the log says why. The page is there as HTML."))
    return made
