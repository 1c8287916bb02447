"""What is printed where: pipes get everything, old terminals get what they can show, refusals are one line."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import broken
from tests.cli.conftest import Ran

pytestmark = pytest.mark.may_block
Naryad = Callable[..., Ran]
LONG = "web does not answer " + "and nobody knows why " * 8


def test_a_pipe_gets_every_word(naryad: Naryad) -> None:
    """Ids, titles and evidence are not cut to the width of a terminal that is not there."""
    ran = naryad("run", "ops", LONG)
    assert ran.code == 0, ran.err
    incident = naryad("incidents", "list", "--json").lines[0]
    listed = naryad("incidents", "list").out
    assert incident["id"] in listed
    assert LONG.strip() in listed
    shown = naryad("incidents", "show", incident["id"][-8:]).out
    for evidence in incident["evidence"]:
        assert evidence["tool"] in shown
    assert "…" not in shown


def test_an_old_terminal_shows_question_marks_and_no_traceback(naryad: Naryad) -> None:
    """Russian on a terminal without Cyrillic is unreadable, and still no crash."""
    ran = naryad("doctor", lang="ru", PYTHONIOENCODING="latin-1")
    assert (ran.code, ran.err) == (0, "")
    assert "sqlite" in ran.out


def test_a_home_that_is_no_folder_is_one_line(naryad: Naryad, tmp_path: Path) -> None:
    """The place is named, with what to look at."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    for command in (["approvals", "list"], ["run", "ops", "hello"], ["demo", "--yes"]):
        ran = naryad(*command, NARYAD_HOME=str(tmp_path / "file"))
        assert (ran.code, len(ran.err.strip().splitlines())) == (1, 1), ran.err
        assert str(tmp_path / "file") in ran.err
        assert "this is no folder" in ran.err


def test_a_database_that_is_none_is_one_line(naryad: Naryad, alone: Path) -> None:
    """A file that SQLite cannot read is said to be so, and stays as it is."""
    alone.mkdir()
    (alone / "naryad.db").write_bytes(b"not a database" * 1000)
    ran = naryad("approvals", "list")
    assert (ran.code, ran.out) == (1, "")
    assert "not a database" in ran.err.splitlines()[0]
    assert (alone / "naryad.db").read_bytes() == b"not a database" * 1000


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/srv/x"), "/srv/x: no space left"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), "/srv/x: no right to"),
        (sqlite3.OperationalError("database or disk is full"), "database or disk is full"),
    ],
)
def test_the_machines_faults_are_told_from_our_bugs(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is explained, also as the cause of something else; a bug is not, and keeps its traceback."""
    monkeypatch.setenv("NARYAD_LANG", "en")
    outer = RuntimeError("later")
    outer.__cause__ = error
    assert said in (broken.explained(error) or "")
    assert said in (broken.explained(outer) or "")
    assert broken.explained(KeyError("bug")) is None
    assert broken.explained(sqlite3.IntegrityError("bug")) is None
