"""Runs cases on a model: as tasks of inspect-ai, which plays them side by side, in epochs, and keeps a log of each."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.case import Broken, Case
from evals.judging import judge
from evals.models import Model
from evals.playing import meter, play
from evals.record import Record
from evals.results import Results, Trial
from evals.world import Template, template
from naryad import masking
from naryad.clock import new_id
from naryad.errors import ConfigError, NaryadError
from naryad.gate.answer import Outcome
from naryad.i18n import _
from naryad.observability import watched
from naryad.settings import Settings

if TYPE_CHECKING:
    from inspect_ai import Task

TIME_LIMIT_S = 600
"""Longest play of one case; what takes longer hangs."""
Progress = Callable[[Trial], None]
Look = Callable[[Case, Record, list[str]], None]


@dataclass
class Run:
    """One run of some cases on one model.

    Args:
        base: Names the models.
        model: Who decides.
        progress: Told each trial as it ends.
        keep: Where worlds of failed trials are kept; nowhere by default.
        look: Shown each play that came to its end, with what did not hold.
    """

    base: Settings
    model: Model
    progress: Progress = lambda _trial: None
    keep: Path | None = None
    look: Look = lambda _case, _record, _failures: None
    trials: list[Trial] = field(default_factory=list)

    async def __call__(
        self, cases: Sequence[Case | Broken], *, epochs: int = 1, parallel: int = 1, logs: Path | None = None
    ) -> Results:
        """Play them all; one that breaks does not stop the others.

        Args:
            cases: Those that are not meant for the model are left out.
            epochs: How often each is played.
            parallel: How many at once.
            logs: Folder for inspect's own logs, for `inspect view`; none are kept by default.

        Raises:
            ConfigError: inspect-ai is not installed, or several epochs would be recorded as one.
        """
        if self.model.record and epochs > 1:
            raise ConfigError(_("a cassette holds one epoch"), source="--record")
        for case in cases:
            if isinstance(case, Broken):
                self.broken(case)
        meant = [case for case in cases if isinstance(case, Case) and self.model.plays(case)]
        with tempfile.TemporaryDirectory(prefix="naryad-evals-") as folder:
            place = Path(folder)
            start = await template(place)
            if meant:
                await self._inspected(meant, start, place, epochs, parallel, logs)
        return self.results(epochs)

    def results(self, epochs: int) -> Results:
        """What has come of it so far."""
        return Results(
            model=":".join(filter(None, [self.model.kind, self.model.what])),
            release=version("naryad"),
            prompts=prompts_digest(),
            epochs=epochs,
            trials=sorted(self.trials, key=lambda one: (one.case, one.epoch)),
        )

    async def trial(self, case: Case, epoch: int, start: Template, place: Path) -> Trial:
        """Play and judge a case once."""
        folder = place / new_id()[-12:]
        failures, record, broken = list[str](), Record(), False
        try:
            folder.mkdir()
            async with asyncio.timeout(TIME_LIMIT_S) as limit:
                await play(case, self.model, self.base, start, folder, record)
            failures = judge(case, record)
            if record.degraded and self.model.must_answer:
                failures.append("the model did not answer, so this says nothing of it")
                broken = not record.tokens
            self.look(case, record, failures)
            if not failures:
                self.model.keep(case)
        except TimeoutError as error:
            late = f"it took more than {TIME_LIMIT_S} s"
            failures, broken = [late if limit.expired() else f"TimeoutError: {error}"], True
        except NaryadError as error:
            failures, broken = [error.message], True
        except Exception as bug:  # whatever one case meets must not end the others
            failures, broken = [f"{type(bug).__name__}: {bug}"], True
        finally:
            if failures and self.keep:
                with suppress(OSError, shutil.Error):  # what cannot be kept fails nothing, and hides nothing
                    kept = self.keep / f"{case.name}.{epoch}"
                    await asyncio.to_thread(shutil.copytree, folder, kept, dirs_exist_ok=True)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return self._take(_trial(case, epoch, record, failures, broken=broken))

    def broken(self, case: Broken) -> Trial:
        """The trial of a case that cannot be read."""
        return self._take(Trial(case=case.name, agent="", passed=False, broken=True, failures=[case.why]))

    def _take(self, trial: Trial) -> Trial:
        self.trials.append(trial)
        self.progress(trial)
        return trial

    async def _inspected(
        self, cases: Sequence[Case], start: Template, place: Path, epochs: int, parallel: int, logs: Path | None
    ) -> None:
        try:
            from inspect_ai import eval_async
            from inspect_ai.util._display import init_display_type
        except ImportError as error:
            raise ConfigError(_("needs pip install 'naryad[evals]'"), source="inspect-ai") from error
        init_display_type("none")  # it would draw over our lines; only the blocking `eval` takes this as an argument
        with watched(meter):
            await eval_async(
                self._task(cases, start, place, epochs),
                model="none/none",
                max_samples=parallel,
                log_dir=str(logs or place / "logs"),
                fail_on_error=False,
                log_level="error",
            )
        judged = {(trial.case, trial.epoch) for trial in self.trials}
        for case, epoch in product(cases, range(1, epochs + 1)):  # whatever inspect lost on the way counts as failed
            if (case.name, epoch) not in judged:
                self._take(_trial(case, epoch, Record(), ["it was not played to its end"], broken=True))

    def _task(self, cases: Sequence[Case], start: Template, place: Path, epochs: int) -> "Task":
        from inspect_ai import Task
        from inspect_ai.dataset import MemoryDataset, Sample
        from inspect_ai.model import ModelOutput
        from inspect_ai.scorer import Score, Target, accuracy, scorer
        from inspect_ai.solver import Generate, TaskState, solver

        known = {case.name: case for case in cases}

        @solver
        def player() -> Any:
            async def solve(state: TaskState, generate: Generate) -> TaskState:
                trial = await self.trial(known[str(state.sample_id)], state.epoch, start, place)
                state.metadata["trial"] = trial.model_dump(mode="json")
                state.output = ModelOutput.from_content("naryad", "\n".join(trial.failures) or "passed")
                return state

            return solve

        @scorer(metrics=[accuracy()])
        def judged() -> Any:
            async def score(state: TaskState, target: Target) -> Score:
                trial = state.metadata["trial"]
                return Score(value=float(trial["passed"]), explanation="\n".join(trial["failures"]), metadata=trial)

            return score

        samples = [
            Sample(id=case.name, input=case.told.title, metadata={"agent": case.told.agent, "tags": case.told.tags})
            for case in cases
        ]
        return Task(
            dataset=MemoryDataset(samples), solver=player(), scorer=judged(), epochs=epochs, name="naryad",
            metadata={"model": self.model.kind},
        )  # fmt: skip


def prompts_digest() -> str:
    """What all prompts together are; another one says that a prompt was edited."""
    import hashlib

    from naryad import prompts

    digest = hashlib.sha256()
    for path in sorted(prompts.folder().glob("*/*.md")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _trial(case: Case, epoch: int, record: Record, failures: list[str], *, broken: bool) -> Trial:
    return Trial(
        case=case.name,
        epoch=epoch,
        agent=case.told.agent,
        tags=case.told.tags,
        passed=not failures,
        failures=[masking.secrets(failure) for failure in failures],
        broken=broken,
        asks=len(record.asked),
        calls=len(record.wanted),
        invalid_calls=sum(made.outcome is Outcome.INVALID for made in record.wanted),
        citations=sum(len(said.sources) for said in record.said),
        grounded=sum(said.grounded for said in record.said),
        degraded=record.degraded,
        models=list(record.answered),
        usage=record.usage,
    )
