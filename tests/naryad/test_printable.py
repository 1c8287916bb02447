"""What a person sees of foreign text is all of it."""

import pytest

from naryad.printable import printable


@pytest.mark.parametrize(
    ("foreign", "seen"),
    [
        ("plain текст — 5 ₽\n\tnext", "plain текст — 5 ₽\n\tnext"),
        ("\x1b[2K\rApproved", "\\x1b[2K\\x0dApproved"),
        ("\x9b31m", "\\x9b31m"),
        ("safe\u202eexe.sh", "safe\\u202eexe.sh"),
        ("a\u200bb\u2066c\ufeff", "a\\u200bb\\u2066c\\ufeff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_nothing_hides_or_moves(foreign: str, seen: str) -> None:
    """Escapes, overrides and invisible characters are spelled out; ordinary text in any language stays."""
    assert printable(foreign) == seen
