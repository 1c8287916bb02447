"""Canaries: a few cases that an install plays with its own models, in worlds that touch nothing of the company's."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path

from evals.case import Broken, found
from evals.models import Model
from evals.playing import meter
from evals.results import Trial
from evals.running import Run
from evals.world import template
from naryad.observability import watched
from naryad.sentinel.canary import Outcome
from naryad.settings import Settings

SUITE = "canary"


class CaseCanaries:
    """The cases of the suite `canary`. One of `naryad.sentinel.canary.Canaries`.

    Args:
        settings: Name the models. A local one is not asked: a second copy of it would need the memory twice.
    """

    def __init__(self, settings: Settings) -> None:
        local = {"enable_llm_fallback": False} | ({"model": "none"} if settings.model == "local" else {})
        self._settings = settings.model_copy(update=local)

    async def play(self) -> Sequence[Outcome]:
        """Play each case once, one after another and in a loop of their own: what they take must not be felt.

        Whoever is cancelled while they are played waits until their worlds are gone.
        """
        stop: Future[Callable[[], object]] = Future()

        async def stoppable() -> list[Outcome]:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert task
            stop.set_result(partial(loop.call_soon_threadsafe, task.cancel))
            return await self._play()

        playing = asyncio.create_task(asyncio.to_thread(asyncio.run, stoppable()))
        try:
            return await asyncio.shield(playing)
        except asyncio.CancelledError:  # no thread is cancelled with the one who waits for it
            with suppress(RuntimeError):  # its loop has just ended by itself
                (await asyncio.wrap_future(stop))()
            await asyncio.gather(playing, return_exceptions=True)
            raise

    async def _play(self) -> list[Outcome]:
        run, cases = Run(self._settings, Model.named("chain")), found([SUITE])
        with tempfile.TemporaryDirectory(prefix="naryad-canaries-") as folder, watched(meter):
            place = Path(folder)
            start = await template(place)
            return [
                _outcome(run.broken(case) if isinstance(case, Broken) else await run.trial(case, 1, start, place))
                for case in cases
            ]


def _outcome(trial: Trial) -> Outcome:
    usage = trial.usage
    return Outcome(
        name=trial.case,
        agent=trial.agent,
        passed=trial.passed,
        seconds=usage.seconds,
        model=trial.models[-1] if trial.models else "",
        degraded=trial.degraded,
        tokens=usage.input_tokens + usage.output_tokens,
        why="; ".join(trial.failures),
    )
