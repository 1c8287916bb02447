"""`python -m bench` measures what is asked for and prints one JSON object."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import bench
from bench import __main__ as runner


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench, "__path__", [str(tmp_path)])
    monkeypatch.setattr(sys, "modules", {name: module for name, module in sys.modules.items() if not _measures(name)})
    return tmp_path


def _measures(name: str) -> bool:
    return name.startswith("bench.") and isinstance(sys.modules[name], ModuleType) and name != "bench.__main__"


def test_the_figures_are_one_json_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each benchmark's figures stand under its name, beside the machine they were taken on."""
    (folder / "alpha.py").write_text("def run(): return {'calls_per_s': 10}")
    (folder / "beta.py").write_text("def run(): return {'ms': 1.5}")
    assert runner.main([]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["machine"]["cores"] >= 1
    assert report["machine"]["python"].startswith("3.")
    assert report["benchmarks"]["alpha"]["calls_per_s"] == 10
    assert report["benchmarks"]["beta"]["ms"] == 1.5


def test_only_the_named_ones_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name picks one benchmark; an unknown name is said and nothing runs."""
    (folder / "gamma.py").write_text("def run(): return {'n': 1}")
    (folder / "delta.py").write_text("raise RuntimeError('must not be loaded')")
    assert runner.main(["gamma"]) == 0
    assert list(json.loads(capsys.readouterr().out)["benchmarks"]) == ["gamma"]
    assert runner.main(["gamma", "nope"]) == 2
    assert "no benchmark nope; there are: delta, gamma" in capsys.readouterr().err
