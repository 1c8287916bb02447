"""How often a comparison blocks where nothing changed, and where what it says it would see is there.

Runs are drawn, not played: cases of mixed difficulty (how likely each passes is drawn from a Beta), seconds and tokens
log-normal around an amount of each case. The effects put in are those that `compare` itself states for the run before,
in two forms for passes: all cases a little harder, and some cases broken wholly.
"""

from collections import Counter
from typing import Any

import numpy as np

from evals.compare import Comparison, compare
from evals.comparing.passes import LEVEL
from evals.results import Results, Trial, Usage

CASES, EPOCHS, NULLS, EFFECTS, SEED = 36, (1, 4), 1000, 300, 22
_EASY = (2.0, 0.5)
_SECONDS, _TOKENS = 0.35, 0.25
"""The spread of their logarithms from trial to trial."""


class _World:
    """Cases that can be played any number of times."""

    def __init__(self, drawn: np.random.Generator, epochs: int) -> None:
        self.drawn, self.epochs = drawn, epochs
        self.chance = drawn.beta(*_EASY, CASES)
        self.seconds, self.tokens = drawn.lognormal(2, 0.8, CASES), drawn.lognormal(8, 0.8, CASES)

    def played(self, chance: Any = None, slower: float = 1, dearer: float = 1) -> Results:
        """One run, as the cases are or with an effect."""
        likely, trials = self.chance if chance is None else chance, []
        for case in range(CASES):
            for epoch in range(1, self.epochs + 1):
                seconds = self.seconds[case] * self.drawn.lognormal(0, _SECONDS) * slower
                tokens = int(self.tokens[case] * self.drawn.lognormal(0, _TOKENS) * dearer)
                passed = bool(self.drawn.random() < likely[case])
                usage = Usage(seconds=seconds, input_tokens=tokens)
                trials.append(Trial(case=f"ops/{case:02}", epoch=epoch, agent="ops", passed=passed, usage=usage))
        return Results(model="openai:drawn", epochs=self.epochs, trials=trials)

    def harder(self, fall: float) -> Any:
        """All cases, by the same part of their chance."""
        return self.chance * max(0.0, 1 - fall / self.chance.mean())

    def broken(self, fall: float) -> Any:
        """Case after case to nothing, until the fall is there."""
        left, chance = fall * CASES, self.chance.copy()
        for case in self.drawn.permutation(CASES):
            taken = min(left, chance[case])
            chance[case], left = chance[case] - taken, left - taken
        return chance


def run(nulls: int = NULLS, effects: int = EFFECTS) -> dict[str, Any]:
    """False blocks of so many null comparisons, and the share of so many stated effects that block; by epochs."""
    return {f"epochs_{epochs}": _measured(epochs, nulls, effects) for epochs in EPOCHS}


def _measured(epochs: int, nulls: int, effects: int) -> dict[str, Any]:
    drawn, blocked, seen, stated = np.random.default_rng((SEED, epochs)), Counter[str](), Counter[str](), []
    for number in range(nulls):
        world = _World(drawn, epochs)
        before = world.played()
        null = compare(before, world.played())
        blocked.update({"any": null.blocks, "passes": _fell(null), **_worse(null)})
        if number >= effects:
            continue
        fall, (seconds, tokens) = null.passes.smallest or 0, (one.smallest or 0 for one in null.ratios)
        stated.append((fall, seconds, tokens))
        for form in ("harder", "broken"):
            seen[form] += _fell(compare(before, world.played(getattr(world, form)(fall))))
        more = compare(before, world.played(slower=seconds, dearer=tokens))
        seen.update(_worse(more))
    shares = {name: round(seen[name] / effects, 4) for name in ("harder", "broken", "seconds", "tokens")}
    means = np.mean(stated, axis=0).round(3).tolist()
    return {
        "null_comparisons": nulls,
        "false_blocks": blocked["any"],
        "false_blocks_upper_95": round(_upper(blocked["any"], nulls), 4),
        "false_by": {name: blocked[name] for name in ("passes", "seconds", "tokens")},
        "stated": dict(zip(("fall", "seconds", "tokens"), means, strict=True)),
        "power_at_stated": shares,
    }


def _fell(made: Comparison) -> bool:
    return made.passes.p <= LEVEL


def _worse(made: Comparison) -> dict[str, bool]:
    return {one.measure: one.worse for one in made.ratios}


def _upper(found: int, of: int) -> float:
    """What the true share lies below with a probability of 95 % (Clopper and Pearson)."""
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # it ships no stubs

    return float(binomtest(found, of, alternative="less").proportion_ci(0.95).high)
