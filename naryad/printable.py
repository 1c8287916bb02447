"""Text from outside made safe to look at: nothing in it can move the cursor, hide, or turn the reading order."""

import unicodedata

_KEPT = "\n\t"
_HIDING = frozenset("\u00ad\u034f\u115f\u1160\u3164\ufeff")


def printable(text: str) -> str:
    r"""Spell control characters, escapes, bidirectional overrides and invisible characters out, as `\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if character in _KEPT:
        return character
    if character in _HIDING or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"
    return character
