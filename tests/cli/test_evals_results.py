"""`naryad evals compare`, `summary` and `report`."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import evals, evals_results
from cli.page import App
from cli.session import Interrupted
from evals.results import Results, Trial
from evals.running import Run
from naryad.errors import ConfigError, NaryadError, NotFound


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARYAD_LANG", "en")


@pytest.fixture
def shelf(alone: Path) -> Path:
    """Three runs: `aa` passed, `bb` failed a case, `cc` is no results at all."""
    for name, passed in (("aa", True), ("bb", False)):
        trials = [
            Trial(case="ops/01_crash", agent="ops", passed=passed, failures=[] if passed else ["nginx\x1b is off"])
        ]
        asyncio.run(Results(id=name, model="none", trials=trials).save(alone / "evals" / f"{name}.json"))
    (alone / "evals" / "cc.json").write_text('{"model": 7}')
    return alone


def _run(*arguments: str) -> Result:
    app = App()
    for command in (evals_results.compare, evals_results.summary, evals_results.report):
        app.command()(command)
    return CliRunner().invoke(app, list(arguments))


def _json(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(*arguments, "--json").stdout)
    return found


@pytest.mark.usefixtures("shelf")
def test_the_exit_code_tells_whether_it_is_worse() -> None:
    """1 for a regression and 0 for none; the text names the case, and its control characters are spelled out."""
    worse = _run("compare", "aa", "bb")
    assert worse.exit_code == 1
    assert "These cases passed before and do not now: ops/01_crash." in worse.stdout
    assert "nginx\\x1b is off" in worse.stdout
    better = _run("compare", "bb", "aa")
    assert (better.exit_code, "Nothing is worse than before." in better.stdout) == (0, True)


@pytest.mark.usefixtures("shelf")
def test_programs_get_json() -> None:
    """The whole comparison with its verdict, and the whole summary."""
    made = _json("compare", "aa", "bb")
    assert (made["blocks"], made["changes"][0]["kind"], made["before"]["id"]) == (True, "failed", "aa")
    assert _json("summary", "bb")["pass_at_1"]["share"] == 0


@pytest.mark.usefixtures("shelf")
def test_a_summary_on_the_screen() -> None:
    """The figures, then those of agents."""
    shown = _run("summary", "aa").stdout
    assert "100.0% (21%–100%, n = 1)" in shown
    assert "Agent  Passes" in shown


def test_a_page_to_a_file_or_the_screen(shelf: Path) -> None:
    """Of the runs that were named."""
    page = shelf / "page.html"
    assert _run("report", "aa", "bb", "-o", str(page)).exit_code == 0
    assert "Worse than before." in page.read_text()
    assert _run("report", "aa").stdout.startswith("<!DOCTYPE html>")
    assert isinstance(_run("report", "aa", "-o", str(shelf / "no" / "page.html")).exception, NaryadError)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("compare", "aa", "nope"), NotFound),
        (("compare", "nope.json", "aa"), ConfigError),
        (("summary", "cc"), ConfigError),
        (("report", "zz"), NotFound),
    ],
)
def test_wrong_input_is_told(arguments: tuple[str, ...], error: type[Exception]) -> None:
    """As kinds of errors that end a command with 2."""
    assert isinstance(_run(*arguments).exception, error)


async def test_what_an_interrupted_run_leaves_says_that_it_was(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its trials are kept, and whoever reads them learns that cases are missing."""

    async def cut(self: Run, *_cases: object, **_how: object) -> Results:
        self.trials.append(Trial(case="ops/01_crash", agent="ops", passed=True))
        raise asyncio.CancelledError

    monkeypatch.setattr(Run, "__call__", cut)
    with pytest.raises(Interrupted, match="Interrupted after 1 trials"):
        await evals._run(["ops"], "none", 1, 1, [], None, None, alone / "run.json", json=True)
    kept = await Results.load(alone / "run.json")
    assert (kept.interrupted, [trial.case for trial in kept.trials]) == (True, ["ops/01_crash"])
