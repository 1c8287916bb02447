"""The trend at the terminal."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.evals_trend import trend
from naryad.db import migrate
from naryad.db.session import Database
from naryad.sentinel.judge import HOUR
from naryad.sentinel.series import Leg
from tests.naryad.sentinel.days import END, legs
from tests.naryad.sentinel.test_sentinel import keep

pytestmark = pytest.mark.may_block


@pytest.fixture
def asked(alone: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("NARYAD_LANG", "en")
    return CliRunner()


def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(trend)
    return app


def recorded(home: Path, of: Sequence[Leg]) -> None:
    """An install with such runs."""

    async def write() -> None:
        database = Database(f"sqlite+aiosqlite:///{home / 'naryad.db'}")
        await migrate.upgrade(database)
        await keep(database, of)
        await database.close()

    asyncio.run(write())


def test_without_records_it_says_so(asked: CliRunner) -> None:
    """And what would make some; nothing can be accepted."""
    ran = asked.invoke(command(), [])
    assert (ran.exit_code, "No runs were recorded" in ran.output) == (0, True)
    assert asked.invoke(command(), ["--json"]).output == ""
    assert "the baseline stays as it was" in str(asked.invoke(command(), ["--accept"]).exception)


def test_each_series_has_a_verdict_and_what_is_worse_a_cause(asked: CliRunner, alone: Path) -> None:
    """For people and for programs; of one agent where that is asked for; accepted days are the golden baseline."""
    recorded(alone, legs(200, fault_h=30, agents=("ops",), tool_errors=0.5))
    ran = asked.invoke(command(), [])
    assert "ops does worse: a tool fails." in ran.output
    line = next(line for line in ran.output.splitlines() if line.startswith("ops  ") and "errors of probe_http" in line)
    assert line.split()[-2:] == ["worse", "tool"]
    assert "No golden baseline yet" in ran.output

    assert '"agent": "ops"' not in asked.invoke(command(), ["--json", "--agent", "support"]).output
    assert "ops: the last 3 days are golden" in asked.invoke(command(), ["--accept", "--days", "3"]).output
    lines = asked.invoke(command(), ["--json", "--agent", "support"]).output.splitlines()
    assert lines
    assert {'"standing": "well"' in line or '"standing": "few"' in line for line in lines} == {True}


def test_one_agent_is_judged_among_all(asked: CliRunner, alone: Path) -> None:
    """The cause is that of the incident, also where the others are not shown; of one that is not there it says so."""
    slow = legs(200, fault_h=30, model_s=1.5)
    recorded(
        alone, [replace(leg, prompts="p2") if leg.agent == "ops" and leg.at > END - 30 * HOUR else leg for leg in slow]
    )
    ran = asked.invoke(command(), ["--agent", "ops"])
    assert "ops does worse: something became slow." in ran.output
    assert "support" not in ran.output
    error = asked.invoke(command(), ["--agent", "opps"]).exception
    assert "No runs of 'opps' were recorded" in str(error)
    assert str(error).endswith("ops, support.")
