"""Silences at the terminal."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import Ran

pytestmark = pytest.mark.may_block
Naryad = Callable[..., Ran]


def test_a_silence_is_made_listed_and_ended(naryad: Naryad) -> None:
    """With what it fits, by whom and why; ended, it is a thing of the past."""
    made = naryad("silences", "add", "service=web", "alertname=~Disk.*", "--reason", "upgrade", "--for", "2h", "--json")
    [silence] = made.lines
    [line] = naryad("silences", "list", "--json").lines
    assert [each["op"] for each in line["matchers"]] == ["=", "=~"]
    assert (line["id"], line["reason"], line["author"][:6]) == (silence["id"], "upgrade", "local:")
    assert silence["id"] in naryad("silences", "end", silence["id"]).out
    assert naryad("silences", "list", "--json").lines == []
    assert len(naryad("silences", "list", "--past", "--json").lines) == 1


@pytest.mark.parametrize(
    ("matcher", "length", "code"), [("web", "1h", 2), ("service=web", "soon", 2), ("service=~", "1h", 1)]
)
def test_what_fits_nothing_or_everything_is_refused(naryad: Naryad, matcher: str, length: str, code: int) -> None:
    """In one line; no silence is made."""
    ran = naryad("silences", "add", matcher, "--reason", "x", "--for", length)
    assert (ran.code, len(ran.err.splitlines())) == (code, 1)
