"""The real command in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def naryad(alone: Path) -> Callable[..., Ran]:
    """Run `naryad` with arguments, and with variables on top of the test's own environment."""

    def run(*arguments: str, timeout: float = 120, stdin: str = "", lang: str | None = "en", **variables: str) -> Ran:
        spoken = {"NARYAD_LANG": lang} if lang else {}
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **spoken, **variables},
            capture_output=True,
            text=True,
            input=stdin,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
