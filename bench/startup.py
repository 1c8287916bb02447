"""How long `naryad --help` takes, against a Python that does nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

RUNS = 9
CODE = Path(__file__).resolve().parents[1]


def run() -> dict[str, Any]:
    """Seconds from start to end of the process, the median of several runs."""
    help_s = _timed("-m", "cli.main", "--help")
    bare_s = _timed("-c", "pass")
    return {
        "runs": RUNS,
        "naryad_help_s": round(help_s, 3),
        "bare_python_s": round(bare_s, 3),
        "ratio": round(help_s / bare_s, 2),
        "aim_s": 0.5,
    }


def _timed(*arguments: str) -> float:
    taken = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(CODE)}
        subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True)
        taken.append(time.perf_counter() - begun)
    return median(taken[1:])
