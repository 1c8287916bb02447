"""`naryad report` and `naryad jobs`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.jobs import app
from tests.cli.conftest import Ran

Naryad = Callable[..., Ran]


def test_reports_in_every_form(naryad: Naryad, tmp_path: Path) -> None:
    """Text and JSON to the pipe, the page and the PDF into files, in either language."""
    told = naryad("report", "daily", "--date", "2026-11-02")
    assert (told.code, told.out.splitlines()[0]) == (0, "Report for 2026-11-02")
    figures = naryad("report", "weekly", "--date", "2026-11-04", "--format", "json").lines[0]
    assert (figures["since"], figures["until"]) == ("2026-11-01T21:00:00Z", "2026-11-08T21:00:00Z")
    page, pdf = tmp_path / "r.html", tmp_path / "r.pdf"
    assert naryad("report", "daily", "--format", "html", "--lang", "en", "-o", str(page)).code == 0
    assert '<html lang="en">' in page.read_text()
    assert naryad("report", "daily", "--format", "pdf", "--output", str(pdf)).code == 0
    assert pdf.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("report", "daily", "--date", "yesterday"), 2),
        (("report", "daily", "--date", "2099-01-01"), 1),
        (("report", "daily", "--date", "0001-01-01"), 2),
        (("report", "daily", "--lang", "de"), 2),
        (("report", "daily", "-o", "/nowhere/r"), 1),
        (("jobs", "run", "nope"), 2),
        (("jobs", "cancel", "cleanup"), 1),
    ],
)
def test_mistakes_are_one_line(naryad: Naryad, arguments: tuple[str, ...], code: int) -> None:
    """With the exit code of a wrong input, or of a failure."""
    ran = naryad(*arguments)
    assert (ran.code, len(ran.err.splitlines())) == (code, 1)


def _run(*arguments: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.exception
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_jobs_at_the_terminal() -> None:
    """Listed, run without a server, disabled, and their history read."""
    assert {line["name"] for line in _run("list")} >= {"cleanup", "monitors", "report.daily"}
    (run,) = _run("run", "monitors")
    assert (run["status"], run["by"]) == ("done", "local")
    assert [line["id"] for line in _run("history", "monitors")] == [run["id"]]
    assert _run("disable", "monitors")[0]["enabled"] is False
    assert {line["name"]: line["enabled"] for line in _run("list")}["monitors"] is False
