"""Cases written by tests, and the runs of them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.case import found
from evals.models import Model
from evals.results import Results
from evals.running import Run
from naryad.settings import Settings

CASE: dict[str, Any] = {
    "title": "A question",
    "agent": "support",
    "models": ["none", "scripted", "replay"],
    "world": {"kind": "desk", "documents": False, "counter": True, "lang": "en"},
    "steps": [
        {"say": "How do I water the cactus?", "then": {"outcome": "answered", "cites": ["cactus"], "lang": "en"}}
    ],
    "expect": {"state": {}},
}
CACTUS = "---\nid: cactus\ntitle: Watering the cactus\nkind: faq\naudience: everyone\nowner: it\n---\n# Water\n\nWater the cactus on Mondays, 20 ml.\n"  # noqa: E501  a small file

Write = Callable[..., Path]
RunCases = Callable[..., Awaitable[Results]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a case's folder into a suite of its own; returns the suites' folder."""
    root = tmp_path / "suites"

    def put(name: str = "own/01_case", *, script: Any = None, **changed: Any) -> Path:
        folder = root / name
        (folder / "documents").mkdir(parents=True)
        (folder / "documents" / "cactus.md").write_text(CACTUS, encoding="utf-8")
        (folder / "case.yaml").write_text(yaml.safe_dump(CASE | changed), encoding="utf-8")
        if script is not None:
            (folder / "script.yaml").write_text(yaml.safe_dump(script), encoding="utf-8")
        return root

    return put


@pytest.fixture
def run_cases(tmp_path: Path) -> RunCases:
    """Play all cases of a folder on a model."""

    async def run(root: Path, model: str = "none", *, record: Path | None = None, **more: Any) -> Results:
        base = Settings(NARYAD_HOME=tmp_path / "home")
        return await Run(base, Model.named(model, record))(found(root=root), **more)

    return run
