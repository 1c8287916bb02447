"""How a question looks on a terminal."""

from datetime import UTC

import pytest

from cli import show
from tests.naryad.notify.world import approval


def test_a_terminal_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the question, nor in what it would do, nor in its arguments."""
    said = "password=hunter22"
    show.console.cache_clear()
    show.approval(approval(question=f"Ask {said}?", preview=f"will {said}", args_json=f'{{"what": "{said}"}}'), UTC)
    shown = capsys.readouterr().out
    assert (shown.count("password=•••"), "hunter22" in shown) == (3, False)
