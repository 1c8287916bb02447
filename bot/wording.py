"""Texts as Telegram takes them. What came from outside is plain text beside entities: no markup in it can count."""

from typing import Any

from aiogram.types import InlineKeyboardMarkup
from aiogram.utils.formatting import Text, sizeof

from naryad.printable import printable

MOST = 4096
"""UTF-16 units of one message."""


def split(text: str, most: int = MOST) -> list[str]:
    """Cut a text into messages, at the end of a line where there is one in the second half."""
    pieces = []
    rest = text.strip()
    while sizeof(rest) > most:
        head = cut(rest, most)
        line = head.rfind("\n")
        head = head[:line] if line > len(head) // 2 else head
        pieces.append(head.rstrip())
        rest = rest[len(head) :].lstrip("\n")
    return [piece for piece in [*pieces, rest.rstrip()] if piece.strip()]


def cut(text: str, most: int) -> str:
    """The longest beginning of a text that has at most so many UTF-16 units."""
    if sizeof(text) <= most:
        return text
    return text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore")


def plain(text: str) -> str:
    """Text from outside, with nothing in it that hides or turns the reading order."""
    return printable(text.strip())


def call(body: Text, keyboard: InlineKeyboardMarkup | None = None) -> dict[str, Any]:
    """The arguments of a method that sends or edits a text."""
    return {**body.as_kwargs(), "reply_markup": keyboard}
