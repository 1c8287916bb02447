"""`kill -9` at every step of the gate: no approval is lost, and no effect happens twice."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.naryad.gate.kill_points import SCENARIOS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_000)]
ROOT = Path(__file__).parents[3]

# How a scenario may end: the outcomes told, and what really happened. The first is how it ends where nobody is killed.
DONE_ONCE = [("done", ["fire x"])]
ENDS: dict[str, list[tuple[str, list[str]]]] = {
    "fire": DONE_ONCE,
    "stale": DONE_ONCE,
    "put": [("done", ["put x"])],
    "launch": [("done", ["launch x"]), ("unknown", ["launch x"]), ("unknown", [])],
    "note": [("done", ["note x"]), ("unknown", ["note x"]), ("unknown", [])],
    "look": [("done", [])],
    "reject": [("rejected", [])],
    "two": [("done done", ["fire x", "fire y"])],
    "hopeless": [
        ("rolled_back", ["mend hopeless", "undo hopeless"]),
        ("failed", ["mend hopeless", "undo hopeless"]),
        ("failed", ["mend hopeless"]),
    ],
}
QUESTIONS = {"note": [], "look": [], "reject": ["rejected"], "stale": ["consumed", "stale"], "two": ["consumed"] * 2}


def killed(scenario: str, folder: Path, every: int) -> list[dict[str, Any]]:
    """What came of each kill."""
    command = [sys.executable, "-m", "tests.naryad.gate.kill_points", scenario, str(folder), str(every)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=900, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_process_killed_anywhere_is_taken_up(
    scenario: str, shm: Path, figure: Callable[[str], None], thorough: bool
) -> None:
    """Killed at a step, one after the other: the next process ends the work with one effect, truthfully told."""
    reports = killed(scenario, shm, every=1 if thorough else 4)
    places = [report["at"] for report in reports]
    assert "" in places
    assert len(places) - places.count("") > (30 if thorough else 5)
    ends: Counter[str] = Counter()
    for report in reports:
        where = f"killed at step {report['k']}, {report['at']}"
        end = (" ".join(answer[1] for answer in report["answers"]), sorted(report["happened"]))
        assert end in ENDS[scenario], where
        if not report["at"]:
            assert end == ENDS[scenario][0]
        ends[end[0]] += 1
        cut_short = "started" in report["left"].values()
        assert ("unknown" in json.dumps(report["effects"])) <= cut_short, where
        check(report, QUESTIONS.get(scenario, ["consumed"]), where)
    if any("effect" in place for place in places):
        assert {"before the effect", "after the effect"} <= {place.rpartition(" ")[0] for place in places}
    figure(f"killed at {len(places) - places.count('')} steps of «{scenario}»: {dict(ends)}")


def check(report: dict[str, Any], questions: list[str], where: str) -> None:
    """What must hold wherever the process was killed."""
    approvals = {approval["id"]: approval for approval in report["approvals"]}
    assert sorted(approval["status"] for approval in approvals.values()) == questions, where
    # No question that was put is lost, and no decision is undone.
    for known, status in report["left"].items():
        if known in approvals and status not in ("pending", "approved"):
            assert approvals[known]["status"] == status, where
        assert known in approvals or known in [effect["id"] for effect in report["effects"]], where
    assert len(report["decisions"]) == len(approvals), where
    keys = [key for key in report["keys"] if key]
    assert len(keys) == len(set(keys)), where
    consumed = {effect["approval_id"] for effect in report["effects"]} - {None}
    assert consumed == {known for known, row in approvals.items() if row["status"] == "consumed"}, where
    assert (report["same_again"], report["problem"], report["queued"]) == (True, "", []), where
    assert (report["owners"], report["finished"]) == ([None], 1), where
