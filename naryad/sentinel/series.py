"""Series: what is measured of an agent, a figure for each leg of a run.

The leg is the unit, not the call: calls of one run share its fate, and tests of independence need independent figures.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
UNHELPED = frozenset({"escalated", "not_helped", "unknown"})
"""Words of the graphs for runs in which the agent did not manage."""


class Measure(StrEnum):
    """What is measured: shares of legs with something bad, and amounts for each leg."""

    FAILURES = "failures"
    DEGRADED = "degraded"
    ANSWERS_BY = "answers_by"
    MODEL_ERRORS = "model_errors"
    TOOL_ERRORS = "tool_errors"
    CANARIES = "canaries"
    RUN_S = "run_seconds"
    MODEL_S = "model_seconds"
    TOOL_S = "tool_seconds"
    OWN_S = "own_seconds"
    TOKENS = "tokens"

    @property
    def amount(self) -> bool:
        """Whether it is an amount; else a share."""
        return self in _AMOUNTS

    @property
    def seconds(self) -> bool:
        """Whether it is in seconds."""
        return self.value.endswith("_seconds")


_AMOUNTS = {Measure.RUN_S, Measure.MODEL_S, Measure.TOOL_S, Measure.OWN_S, Measure.TOKENS}


class Key(NamedTuple):
    """Names a series.

    Attributes:
        of: The tool, or the model; empty where the measure is of the whole leg.
        canary: Whether it is of canaries: they ask other things than people do, and are compared with themselves only.
    """

    agent: str
    measure: Measure
    of: str = ""
    canary: bool = False

    def __str__(self) -> str:
        """For labels and tables."""
        whose = [self.agent, Measure.CANARIES] if self.canary else [self.agent]
        return " ".join(dict.fromkeys(filter(None, [*whose, self.measure, self.of])))


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg as it is judged; fields as `RunRecord` has them.

    Attributes:
        at: Seconds since 1970.
    """

    at: float
    agent: str
    outcome: str
    seconds: float = 0
    canary: str = ""
    version: str = ""
    prompts: str = ""
    result: str = ""
    degraded: bool = False
    tokens: int = 0
    models: dict[str, Any] = field(default_factory=dict)
    tools: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Points:
    """Figures in the order of time.

    Attributes:
        at: Seconds since 1970.
        values: 0 or 1 for shares, 1 is bad; the amount otherwise.
    """

    at: Numbers
    values: Numbers

    def between(self, since: float, until: float) -> Numbers:
        """The values of a span of time; its end is outside."""
        first, last = np.searchsorted(self.at, (since, until))
        return self.values[first:last]


@dataclass(frozen=True, slots=True)
class History:
    """What an agent was made of, leg by leg."""

    at: Numbers
    versions: Sequence[str]
    prompts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Samples:
    """Everything that is judged."""

    series: dict[Key, Points]
    histories: dict[str, History]


def samples_of(legs: Iterable[Leg]) -> Samples:
    """Take legs apart into series; those that somebody cancelled say nothing."""
    ordered = sorted((leg for leg in legs if leg.outcome != "cancelled"), key=lambda leg: leg.at)
    found: defaultdict[Key, list[tuple[float, float]]] = defaultdict(list)
    alike: defaultdict[tuple[str, bool], list[Leg]] = defaultdict(list)
    made: defaultdict[str, list[Leg]] = defaultdict(list)
    for leg in ordered:
        made[leg.agent].append(leg)
        canary = bool(leg.canary)
        alike[leg.agent, canary].append(leg)
        for measure, of, value in _of_canary(leg) if canary else _figures(leg):
            found[Key(leg.agent, measure, of, canary)].append((leg.at, value))
    for (agent, canary), its in alike.items():
        answered = [(leg.at, {name for name, figures in leg.models.items() if figures[0]}) for leg in its]
        for model in sorted(set().union(*(names for _at, names in answered))):
            key = Key(agent, Measure.ANSWERS_BY, model, canary)
            found[key] = [(at, float(model in names)) for at, names in answered if names]
    series = {key: Points(*np.array(points).T.copy()) for key, points in found.items()}
    histories = {
        agent: History(np.array([leg.at for leg in its]), [leg.version for leg in its], [leg.prompts for leg in its])
        for agent, its in made.items()
    }
    return Samples(series, histories)


def _figures(leg: Leg) -> Iterable[tuple[Measure, str, float]]:
    yield Measure.FAILURES, "", float(leg.outcome == "failed" or leg.result in UNHELPED)
    yield Measure.DEGRADED, "", float(leg.degraded)
    spent = 0.0
    if leg.models:
        answers, errors, seconds = map(sum, zip(*leg.models.values(), strict=True))
        spent += seconds
        yield Measure.MODEL_ERRORS, "", float(errors > 0)
        yield Measure.MODEL_S, "", seconds / max(1, answers + errors)
    for tool, (calls, errors, seconds) in leg.tools.items():
        spent += seconds
        yield Measure.TOOL_ERRORS, tool, float(errors > 0)
        yield Measure.TOOL_S, tool, seconds / max(1, calls)
    if leg.outcome != "failed":  # what broke off has no length
        yield Measure.RUN_S, "", leg.seconds
        yield Measure.OWN_S, "", max(0.0, leg.seconds - spent)
        if leg.models:
            yield Measure.TOKENS, "", leg.tokens


def _of_canary(leg: Leg) -> Iterable[tuple[Measure, str, float]]:
    yield Measure.CANARIES, "", float(leg.outcome == "failed")
    yield Measure.DEGRADED, "", float(leg.degraded)
    if leg.models and leg.outcome != "failed":  # without a model it is quick
        yield Measure.RUN_S, "", leg.seconds
        yield Measure.TOKENS, "", leg.tokens
