"""Fifty resumes at once, from one process and from five, make one effect."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from naryad.auth import Person, Role
from naryad.db.models.gate import Approval
from naryad.gate import policy
from naryad.gate.approvals import Verdict
from tests.naryad.crew import Crew, open_crew
from tests.naryad.gate.resumer import CALL, CALLER, WAYS

pytestmark = pytest.mark.slow
ANNA = Person("local:anna", frozenset({Role.OPERATOR}))
ROOT = Path(__file__).parents[3]


async def approved(crew: Crew, way: str) -> None:
    """Put the question and answer it: everything is ready for a resume."""
    if way == "advance":
        asked = await crew.gate.advance(CALL, CALLER)
        assert isinstance(asked, Approval)
        await crew.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)
    else:
        state = await crew.start(["counter_fire", {"what": "x"}])
        await crew.gate.approvals.decide(state.waiting_for[0], ANNA, Verdict.APPROVE)


def race(url: str, folder: Path, way: str, processes: int) -> list[str]:
    """Start the processes, let them go at the same moment, and collect what they tell."""
    command = [sys.executable, "-m", "tests.naryad.gate.resumer", url, str(folder), way]
    command += [str(50 // processes), str(processes)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert [first.stdout.readline() for _ in range(processes)] == ["ready\n"] * processes
        out, _ = first.communicate(timeout=200)
    assert first.returncode == 0
    return [each for line in out.splitlines() for each in json.loads(line)]


@pytest.mark.parametrize("processes", [1, 5])
@pytest.mark.parametrize("way", sorted(WAYS))
async def test_fifty_resumes_at_once_make_one_effect(url: str, tmp_path: Path, way: str, processes: int) -> None:
    """However they race, through the gate, LangGraph or the dispatcher, the approval is used once."""
    (tmp_path / "policy.yaml").write_text(policy.DEFAULT.read_text())
    async with open_crew(url, tmp_path) as crew:
        await approved(crew, way)
    told = await asyncio.to_thread(race, url, tmp_path, way, processes)
    async with open_crew(url, tmp_path) as crew:
        if way != "advance":
            state = await crew.runs.drive("t")
            assert state.values["outcome"] == "reported"
        assert [line.partition(" ")[2] for line in crew.counter.effects] == ["fire x"]
        assert [row.event for row in await crew.gate.audit.rows(limit=1000)].count("effect.started") == 1
        assert (await crew.gate.audit.verify()).problem == ""
    assert len(told) == 50
    assert set(told) <= {"done", "['done']", "refused"}
    assert set(told) != {"refused"}
