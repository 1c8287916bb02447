"""The cases of Support that are shipped."""

from pathlib import Path

from evals.case import Case, found
from evals.models import Model
from evals.running import Run
from naryad.settings import Settings

SUITE = [case for case in found(["support"]) if isinstance(case, Case)]


def test_what_is_shipped_can_be_read_and_played() -> None:
    """Every case is whole, and who is named as its model has a script or a cassette there."""
    assert len(SUITE) == len(found(["support"])) >= 15
    assert all(case.script.is_file() for case in SUITE if "scripted" in case.told.models)
    assert all(case.cassette.is_file() for case in SUITE if "replay" in case.told.models)


async def test_a_cassette_goes_on_over_a_restart(tmp_path: Path) -> None:
    """What was decided before the process ended is on it, and it is the one that is shipped."""
    [case] = found(["support/12_act_rejected_en"])
    assert isinstance(case, Case)
    for _ in range(2):  # the second takes the place of the first
        results = await Run(Settings(NARYAD_HOME=tmp_path), Model.named("scripted", tmp_path))([case])
        assert [trial.failures for trial in results.trials] == [[]]
    assert (tmp_path / f"{case.name}.jsonl").read_text("utf-8") == case.cassette.read_text("utf-8")
