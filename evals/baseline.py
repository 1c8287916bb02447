"""The baseline: what passes with the models that decide the same each time. Whoever loses some of it is told."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from evals.case import GATED, Broken, Case
from evals.compare import Comparison, compare
from evals.models import Model
from evals.results import Results, Usage
from evals.running import Look, Progress, Run
from evals.shelf import BASELINES
from naryad.errors import ConfigError, Refused
from naryad.i18n import _
from naryad.settings import Settings

TAG = "fast"
"""Cases with this tag are played by the gate."""


def gated(cases: Sequence[Case | Broken]) -> list[Case | Broken]:
    """The cases of the gate; one that cannot be read is of it."""
    return [case for case in cases if isinstance(case, Broken) or TAG in case.told.tags]


async def played(
    base: Settings, cases: Sequence[Case | Broken], *, progress: Progress, look: Look, parallel: int
) -> AsyncIterator[Results]:
    """Play the gate's cases, with one model after another."""
    for kind in GATED:
        yield await Run(base, Model.named(kind), progress=progress, look=look)(gated(cases), parallel=parallel)


def there(folder: Path = BASELINES) -> None:
    """Look whether there is a baseline for each model, before the cases are played.

    Raises:
        ConfigError: There is none.
    """
    for kind in GATED:
        _path(kind, folder)


def _path(model: str, folder: Path) -> Path:
    path = folder / f"{model}.json"
    if not path.exists():
        raise ConfigError(_("there is no baseline; make one with «naryad evals gate --accept»"), source=path)
    return path


async def against(results: Results, folder: Path = BASELINES) -> Comparison:
    """Set a run of the gate beside the baseline; a new case that fails is a reason as well.

    Raises:
        ConfigError: There is no baseline for the model.
    """
    before = await Results.load(_path(results.model, folder))
    made = compare(before, results)
    known = before.by_case()
    if failed := sorted({trial.case for trial in results.trials if not trial.passed and trial.case not in known}):
        made.reasons.append(_("These new cases do not pass: {cases}.").format(cases=", ".join(failed)))
    return made


async def accept(runs: Sequence[Results], folder: Path = BASELINES) -> None:
    """Make runs the baseline.

    Raises:
        Refused: A case failed: the baseline says what passes.
    """
    if failed := sorted({trial.case for results in runs for trial in results.trials if not trial.passed}):
        text = _("The baseline was not changed: these cases do not pass: {cases}.")
        raise Refused(text.format(cases=", ".join(failed)))
    for results in runs:
        # What differs each time, and on each machine, would make every renewal look like a change.
        trials = [trial.model_copy(update={"usage": _steady(trial.usage)}) for trial in results.trials]
        await results.model_copy(update={"id": "baseline", "trials": trials}).save(folder / f"{results.model}.json")


def _steady(usage: Usage) -> Usage:
    return usage.model_copy(update={"seconds": 0})
