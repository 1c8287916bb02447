"""`kill -9` at every step of a handoff: none is lost, nobody is called twice, nothing is said twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.replaying import TAKERS
from tests.naryad.gate.conftest import shm

__all__ = ["shm"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
ROOT = Path(__file__).parents[2]


def test_a_process_killed_anywhere_loses_no_handoff(shm: Path, thorough: bool) -> None:
    """Killed at one step after the other: the next process ends the work as if nothing had happened."""
    command = [sys.executable, "-m", "tests.agents.handoff_kills", str(shm), "1" if thorough else "4"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=1_500, check=True)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["at"] for report in reports].count("") == 1
    assert len(reports) > 20
    for number, report in enumerate(reports):
        where = f"kill {number}, {report.pop('at')}"
        assert report == {
            "handoffs": ["returned"],
            "called": sorted([*target, "sent"] for target in TAKERS),
            "tickets": 1,
            "comments": ["Иду", "Я жду"],
            "said": ["message", "handoff.opened", "handoff.said", "person", "handoff.returned"],
        }, where
