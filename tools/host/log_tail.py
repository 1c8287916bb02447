"""The end of a log file of any size, read without reading the rest."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from naryad import masking
from naryad.errors import ToolFailed
from tools.secret_places import may_be_secret

_BLOCK = 64 * 1024
_BUDGET = 16 * 1024 * 1024
"""Bytes looked at from the end; what stands before them is not read."""
_LINE_BYTES = 1024 * 1024
"""A longer line loses its beginning."""
_LINE_CHARS = 2_000
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


def log_tail(path: Path, shown: str, lines: int, match: str) -> dict[str, Any]:
    """Read the last lines, or the last lines that hold `match`.

    Args:
        path: The resolved path, already allowed.
        shown: The path as it was asked for.
        lines: How many lines at most.
        match: Text that a line must hold, whatever its case; compared after masking.

    Raises:
        ToolFailed: There is no such readable plain file, or it may hold secrets.
    """
    if may_be_secret(str(path)):
        raise ToolFailed(f"{shown} may hold secrets; its content is not read.")
    wanted = match.casefold()
    found: list[str] = []
    seen = 0
    truncated = False
    with _open(path, shown) as file:
        size = os.fstat(file.fileno()).st_size
        for raw in _backwards(file, size, max(0, size - _BUDGET)):
            if len(found) == lines:
                truncated = True
                break
            seen += 1
            # Masked before it is compared: a match must not tell what the mask hides.
            line = masking.secrets(raw.decode("utf-8", errors="replace").replace("\0", "")[:_LINE_CHARS])
            if wanted in line.casefold():
                found.append(line)
    truncated = truncated or size > _BUDGET
    return {"path": shown, "lines": found[::-1], "total_lines_read": seen, "truncated": truncated}


def _open(path: Path, shown: str) -> BinaryIO:
    try:
        # The path is resolved: a symlink here came later. A named pipe must not block us.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except FileNotFoundError:
        raise ToolFailed(f"There is no file {shown}.{_neighbours(path)}") from None
    except OSError as error:
        raise ToolFailed(f"Cannot read {shown}: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ToolFailed(f"{shown} is not a plain file.")
    if file.read(8).startswith(_COMPRESSED):
        file.close()
        raise ToolFailed(f"{shown} is compressed; only plain text logs can be read.")
    return file


def _neighbours(path: Path) -> str:
    """A rotated log leaves files of the same beginning: name them."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.name.startswith(path.stem))
    except OSError:
        return ""
    return f" Beside it: {', '.join(names[:10])}." if names else ""


def _backwards(file: BinaryIO, end: int, start: int) -> Iterator[bytes]:
    """The non-empty lines between two offsets, the last first."""
    rest = b""
    while end > start:
        size = min(_BLOCK, end - start)
        end -= size
        file.seek(end)
        first, *lines = (file.read(size) + rest).split(b"\n")
        yield from (line for raw in reversed(lines) if (line := raw.rstrip(b"\r")).strip())
        rest = first[-_LINE_BYTES:]
    if rest.strip():
        yield rest.rstrip(b"\r")
