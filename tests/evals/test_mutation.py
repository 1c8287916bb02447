"""`naryad evals mutate`: what a case would not notice, and what could not be tried, is told."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import evals
from evals.case import found
from evals.results import DETERMINISTIC, Results
from tests.evals.conftest import Write


@pytest.mark.slow
@pytest.mark.may_block  # inspect keeps its log in SQLite
def test_what_cannot_be_tried_is_no_success(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case that is broken, or fails, is named with its reason, and the exit code is 1."""
    root = write("own/01_good")
    monkeypatch.setattr("evals.case.found", partial(found, root=root))
    alone = CliRunner().invoke(evals.app, ["mutate", "--json"])
    assert (alone.exit_code, json.loads(alone.stdout)["failed"]) == (0, [])
    write("own/02_unreadable", agent="nobody")
    write("own/03_unknown_tool", approvals=[{"tool": "moon_land", "decide": "approve"}])
    write("own/04_fails", expect={"state": {"counter.1": "put"}})
    write("own/05_other_name")
    (root / "own/05_other_name/case.yaml").rename(root / "own/05_other_name/case.yml")
    done = CliRunner().invoke(evals.app, ["mutate", "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["cases"]) == (1, ["own/01_good"])
    reasons = ("case.yaml:1: agent: ", "there is no tool 'moon_land'", "state: counter.1 stayed", "case.yaml: no such")
    for line, case, reason in zip(told["failed"], ("own/02", "own/03", "own/04", "own/05"), reasons, strict=True):
        assert (line.startswith(case), reason in line) == (True, True), line
    shown = CliRunner().invoke(evals.app, ["mutate"])
    assert shown.exit_code == 1
    assert all(reason in " ".join(shown.stdout.split()) for reason in reasons[1:3])


@pytest.mark.slow
@pytest.mark.may_block
def test_the_gate_tells_how_long_it_took(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For programs and for people, beside what it found."""
    root = write("own/01_good", models=["none"], tags=["fast"])
    monkeypatch.setattr("evals.case.found", partial(found, root=root))
    monkeypatch.setattr("evals.baseline._path", lambda model, _folder: tmp_path / f"{model}.json")
    for model in DETERMINISTIC:
        asyncio.run(Results(model=model).save(tmp_path / f"{model}.json"))
    done = CliRunner().invoke(evals.app, ["gate", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["seconds"] > 0) == (0, True)
    shown = CliRunner().invoke(evals.app, ["gate"], env={"NARYAD_LANG": "en"})
    assert "1 trials in 0." in shown.stdout
