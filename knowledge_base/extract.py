"""The text of a file as Markdown, whatever its format; a hostile file cannot harm the process that asks.

Plain text is read here. Everything that needs a parser is read by a child process with hard limits of memory and
time: a decompression bomb or a parser that never ends takes only the child with it.
"""

import os
import subprocess
import sys
from pathlib import Path

from knowledge_base.settings import KnowledgeSettings
from naryad.errors import NaryadError
from naryad.i18n import _

SUFFIXES = (".md", ".txt", ".html", ".htm", ".docx", ".pdf")
LONGEST = 5_000_000
_CHILD_FAILED, _CHILD_REFUSED = 1, 3
_FREQUENT = set("оеаинтсрвл ")


def extract(path: Path, settings: KnowledgeSettings) -> str:
    """Read one file.

    Raises:
        NaryadError: It is too large, broken, encrypted, binary or too slow to read; the message says which.
    """
    try:
        size = path.stat().st_size
        if size > settings.max_file_mb * 2**20:
            raise NaryadError(
                _("{size} MB are more than the {limit} MB allowed").format(
                    size=size // 2**20, limit=settings.max_file_mb
                )
            )
        if path.suffix.lower() not in SUFFIXES:
            raise NaryadError(_("unknown format; known are {known}").format(known=" ".join(SUFFIXES)))
        if path.suffix.lower() not in (".md", ".txt"):
            return _in_child(path, settings)
        if size > LONGEST * 2:
            raise NaryadError(_too_long())
        text = decode(path.read_bytes())
    except OSError as error:
        raise NaryadError(_("cannot be read: {why}").format(why=error.strerror)) from error
    if len(text) > LONGEST:
        raise NaryadError(_too_long())
    return text


def decode(data: bytes) -> str:
    """Text in UTF-8, UTF-16 with its mark, or one of the old Russian encodings.

    Raises:
        NaryadError: The data are no text.
    """
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        guesses = [data.decode(name, "replace") for name in ("cp1251", "koi8-r", "cp866")]
        text = max(guesses, key=lambda guess: sum(letter in _FREQUENT for letter in guess[:20_000]))
    strange = sum((letter < " " and letter not in "\n\r\t\f") or letter == "\ufffd" for letter in text[:20_000])
    if strange * 100 > len(text[:20_000]):
        raise NaryadError(_("this is no text"))
    return text


def _in_child(path: Path, settings: KnowledgeSettings) -> str:
    module = [sys.executable, "-m", "naryad.child", str(os.getpid()), "knowledge_base.extract_child"]
    environment = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV") if name in os.environ
    }
    root = str(Path(__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    limit = str(int(settings.read_timeout_s) + 1)
    try:
        done = subprocess.run(
            [*module, str(path.resolve()), limit],
            capture_output=True,
            timeout=settings.read_timeout_s,
            env={**environment, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NaryadError(_("reading it took too long")) from None
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    if done.returncode == _CHILD_REFUSED:
        raise NaryadError(_(done.stdout.decode("utf-8", "replace").strip()))
    raise NaryadError(_("reading it took more memory or time than allowed, or its parser broke"))


def _too_long() -> str:
    return _("it holds more text than {limit} characters").format(limit=LONGEST)
