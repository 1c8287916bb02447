"""The sentinel on made-up weeks: how often it cries for nothing, and whether it finds and names what was broken.

A null run is a week of hourly looks (168) at a company where nothing is wrong, after nine days of history; at every
second company a person accepted the first seven as golden. It has a false alert when any of its looks would have told
people anything. Nothing wrong is not nothing happening: figures follow the day and the week, providers have slower days
and worse hours, errors come in clusters, and each run sees one harmless edit of a prompt. A run with a fault has 72
hours of looks from its begin; it is found when what people are told first names the cause.
The rows are made up whole, models' names too: that these are those of who really answered is tested elsewhere.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any, TypeVar

import numpy as np
from scipy.stats import beta  # type: ignore[import-untyped]  # no stubs

from naryad.sentinel.causes import Cause, Diagnosis
from naryad.sentinel.judge import DAY, HOUR, Span
from naryad.sentinel.records import Known
from naryad.sentinel.sentinel import judge
from naryad.sentinel.series import Leg, Numbers, samples_of

T = TypeVar("T")
NULL_RUNS, FAULT_RUNS = 500, 200
HISTORY_D, GOLDEN_D, NULL_D, FAULT_H = 9, 7, 7, 72
USUAL, OTHER = "openai/large", "local/small"
RATES = {"ops": 6, "support": 24, "sales": 10, "persona": 12}
"""Runs in the busiest hour; a night has a third of them, a weekend half."""
TOOLS = {
    "ops": {"probe_http": 0.3, "host_log_tail": 0.15, "ansible_check": 4.0},
    "support": {"knowledge_search": 0.2, "tickets_find": 0.4},
    "sales": {"crm_find": 0.5, "billing_quote": 0.8},
    "persona": {"knowledge_search": 0.2},
}
"""Seconds of a call, the median."""
UNHELPED = {"ops": 0.10, "support": 0.12, "sales": 0.06, "persona": 0.03}
CANARIES_AN_HOUR = 3


@dataclass(frozen=True)
class Fault:
    """What is broken from a moment on; the defaults break nothing.

    Attributes:
        agents: Whom it strikes.
        model_s: Times the seconds of a model's answer.
        other: Share of runs that the other model answers, which is slower by 40 % and shorter by 20 %.
        tool: Which tool fails, in 30 % of the runs that call it; half of those come to nothing.
        tokens: Times the tokens; the model's seconds grow by two thirds of that.
        unhelped: Added to the share of runs in which the agent does not manage.
        canaries: Added to the share of canaries that fail.
        edited: Whether the prompts' digest changes.
        unasked: Whether nobody ever asks them anything: only their canaries run.
    """

    begin: float = math.inf
    agents: Sequence[str] = tuple(RATES)
    model_s: float = 1
    other: float = 0.015
    tool: str = ""
    tokens: float = 1
    unhelped: float = 0
    canaries: float = 0
    edited: bool = False
    unasked: bool = False
    cause: Cause | None = None


@dataclass
class World:
    """A company's legs of runs, drawn anew for each seed."""

    seed: int
    days: float
    fault: Fault = field(default_factory=Fault)

    def legs(self) -> list[Leg]:
        """All of them, in no order."""
        rng, hours = np.random.default_rng(self.seed), math.ceil(self.days * 24)
        # A provider's slower days and hours strike all its callers alike.
        weather = np.exp(np.repeat(rng.normal(0, 0.03, hours // 24 + 1), 24)[:hours] + rng.normal(0, 0.04, hours))
        stormy = rng.gamma(4, 1 / 4, hours)
        edited = {str(rng.choice(list(RATES))): float(rng.uniform(2, self.days)) * DAY}
        return [leg for agent in RATES for leg in self._of_agent(rng, agent, weather, stormy, edited.get(agent))]

    def _of_agent(
        self, rng: np.random.Generator, agent: str, weather: Numbers, stormy: Numbers, edited: float | None
    ) -> Iterator[Leg]:
        hour = np.arange(len(weather))
        busy = 0.35 + 0.65 * np.clip(np.sin((hour % 24 - 5) / 24 * 2 * np.pi), 0, 1)
        asked = not (self.fault.unasked and agent in self.fault.agents)
        rate = asked * RATES[agent] * busy * np.where((hour // 24 + self.seed) % 7 >= 5, 0.5, 1)
        of = np.repeat(hour, rng.poisson(rate))
        count = len(of)
        at = (of + rng.random(count)) * HOUR
        struck = (at >= self.fault.begin) & (agent in self.fault.agents)

        def hit(value: float, usual: float) -> Numbers:
            return np.where(struck, value, usual)

        def chance(share: Numbers | float) -> Any:
            return rng.random(count) < share

        fault = self.fault
        answers = 1 + rng.poisson(1.2, count)
        other = chance(hit(fault.other, 0.015) * np.where(struck & (fault.other > 0.1), 1, stormy[of]))
        tokens = rng.lognormal(7.3, 0.6, count) * hit(fault.tokens, 1) * np.where(other, 0.8, 1)
        slow = hit(fault.model_s * (1 + (fault.tokens - 1) * 2 / 3), 1) * np.where(other, 1.4, 1)
        peak = 1 + 0.2 * busy[of]
        model_s = rng.lognormal(0.7, 0.45, count) * peak * weather[of] * slow * answers
        unhelped = chance(UNHELPED[agent] + hit(fault.unhelped, 0))
        broken, cut = chance(0.004 * stormy[of]), chance(0.01 * stormy[of])
        tools: list[dict[str, list[float]]] = [{} for _ in range(count)]
        spent = model_s.copy()
        for tool, median in TOOLS[agent].items():
            called, failing = chance(0.6), tool == fault.tool
            errors = called & chance(hit(0.3 if failing else 0.02, 0.02) * np.where(struck & failing, 1, stormy[of]))
            seconds = median * rng.lognormal(0, 0.7, count)
            spent += np.where(called, seconds, 0)
            unhelped |= errors & struck & failing & chance(0.5)
            for number in np.flatnonzero(called):
                tools[number][tool] = [1, int(errors[number]), float(seconds[number])]
        prompts = np.where(at >= (edited if edited is not None else math.inf), "p1", "p0")
        prompts = np.where(struck & fault.edited, "p2", prompts)
        own = rng.lognormal(-1.2, 0.5, count)
        for n in range(count):
            name = OTHER if other[n] else USUAL
            models = {name: [int(answers[n]), int(cut[n]), float(model_s[n])]}
            yield Leg(
                at=float(at[n]),
                agent=agent,
                outcome="failed" if broken[n] else "finished",
                seconds=float(spent[n] + own[n]),
                version=f"v{prompts[n]}",
                prompts=str(prompts[n]),
                result="escalated" if unhelped[n] else "answered",
                tokens=int(tokens[n]),
                models=models,
                tools=tools[n],
            )
        yield from self._canaries(rng, agent, weather, stormy, edited)

    def _canaries(
        self, rng: np.random.Generator, agent: str, weather: Numbers, stormy: Numbers, edited: float | None
    ) -> Iterator[Leg]:
        """Cases of different lengths, each played every hour and always about as long."""
        for n, case in product(range(len(weather)), range(CANARIES_AN_HOUR)):
            at = n * HOUR + 60.0 + case
            fault = self.fault if at >= self.fault.begin and agent in self.fault.agents else Fault()
            other = rng.random() < fault.other * (1 if fault.other > 0.1 else stormy[n])
            tokens = 600 * (case + 1) * rng.lognormal(0, 0.15) * fault.tokens * (0.8 if other else 1)
            slow = fault.model_s * (1 + (fault.tokens - 1) * 2 / 3) * (1.4 if other else 1)
            seconds = 2 * (case + 1) * rng.lognormal(0, 0.3) * float(weather[n]) * slow
            degraded = rng.random() < 0.005 * stormy[n]
            prompts = "p2" if fault.edited else "p1" if edited is not None and at >= edited else "p0"
            yield Leg(
                at=at,
                agent=agent,
                outcome="failed" if rng.random() < 0.03 + fault.canaries else "finished",
                seconds=0.3 if degraded else seconds,
                canary=str(case),
                version=f"v{prompts}",
                prompts=prompts,
                degraded=degraded,
                tokens=0 if degraded else int(tokens),
                models={} if degraded else {OTHER if other else USUAL: [1, 0, seconds]},
            )


def _one(rng: np.random.Generator) -> tuple[str]:
    return (str(rng.choice(list(RATES))),)


def _unasked(rng: np.random.Generator) -> dict[str, Any]:
    return {"agents": _one(rng), "unasked": True}


def _tool(rng: np.random.Generator, begin: float) -> Fault:
    agent = str(rng.choice(list(RATES)))
    tool = str(rng.choice(list(TOOLS[agent])))
    users = tuple(each for each in RATES if tool in TOOLS[each])
    return Fault(begin, users, tool=tool, cause=Cause.TOOL)


def _slow(_rng: np.random.Generator, begin: float) -> Fault:
    return Fault(begin, model_s=1.3, cause=Cause.LATENCY)


def _fallback(_rng: np.random.Generator, begin: float) -> Fault:
    return Fault(begin, other=0.6, cause=Cause.FALLBACK)


def _worse_prompt(rng: np.random.Generator, begin: float) -> Fault:
    return Fault(begin, _one(rng), unhelped=0.15, canaries=0.2, edited=True, cause=Cause.PROMPT)


def _longer_prompt(rng: np.random.Generator, begin: float) -> Fault:
    return Fault(begin, _one(rng), tokens=1.4, edited=True, cause=Cause.PROMPT)


FAULTS: dict[str, Callable[[np.random.Generator, float], Fault]] = {
    "tool_fails_in_30_percent": _tool,
    "model_30_percent_slower": _slow,
    "other_model_answers_60_percent": _fallback,
    "prompt_15_points_less_success_20_less_canaries": _worse_prompt,
    "prompt_40_percent_longer_answers": _longer_prompt,
    "canaries_only_other_model_60_percent": lambda rng, begin: replace(_fallback(rng, begin), **_unasked(rng)),
    "canaries_only_model_30_percent_slower": lambda rng, begin: replace(_slow(rng, begin), **_unasked(rng)),
}


@dataclass(frozen=True)
class Seen:
    """What came of one run: hours from its begin to the first word to people, and what they were told."""

    hours: float = math.inf
    told: tuple[Diagnosis, ...] = ()


def watch(world: World, begin: float, looks: int) -> Seen:
    """Look each hour as the scheduler does, until people would have been told: at the second look in a row."""
    samples = samples_of(world.legs())
    golden = dict.fromkeys(RATES, Span(0, GOLDEN_D * DAY)) if world.seed % 2 else {}

    def worse(look: int) -> dict[str, Diagnosis]:
        return judge(Known([], golden, {}), begin + look * HOUR, samples=samples).diagnoses

    for look in range(2, looks + 1, 2):  # of two looks in a row one is even
        if now := worse(look):
            for later in (look, look + 1):
                earlier, latter = (now, worse(later)) if later > look else (worse(later - 1), now)
                if told := [one for agent, one in latter.items() if agent in earlier]:
                    return Seen(later, tuple(told))
    return Seen()


def null(seed: int) -> list[str]:
    """What a null run told people of: nothing, if all is well."""
    seen = watch(World(seed, HISTORY_D + NULL_D), HISTORY_D * DAY, NULL_D * 24)
    return [f"{one.cause}: {one.root.key} over {one.root.window / HOUR:g} h" for one in seen.told]


def faulty(name: str, seed: int) -> tuple[float, bool, str]:
    """Hours until a fault was told, whether only its cause was named, and by which series."""
    rng = np.random.default_rng(seed + 10**6)
    begin = (HISTORY_D + float(rng.uniform(0, 1))) * DAY
    fault = FAULTS[name](rng, begin)
    seen = watch(World(seed, begin / DAY + FAULT_H / 24 + 0.1, fault), begin, FAULT_H)
    right = bool(seen.told) and all(
        one.cause is fault.cause and one.agent in fault.agents and fault.tool in ("", one.root.key.of)
        for one in seen.told
    )
    return seen.hours, right, ", ".join(f"{one.cause}: {one.root.key}" for one in seen.told)


def bounds(hits: int, of: int) -> dict[str, float]:
    """A share with its one-sided 95 % Clopper-Pearson bounds."""
    upper = float(beta.ppf(0.95, hits + 1, of - hits)) if hits < of else 1.0
    lower = float(beta.ppf(0.05, hits, of - hits + 1)) if hits else 0.0
    return {"share": round(hits / of, 4), "lower_95": round(lower, 4), "upper_95": round(upper, 4)}


def _each(pool: ProcessPoolExecutor, of: Callable[[int], T], runs: int) -> Iterator[T]:
    """What comes of each seed; says how far it is."""
    for done, came in enumerate(pool.map(of, range(runs), chunksize=5), 1):
        if done % 50 == 0:
            sys.stderr.write(f"{done} of {runs}\n")
        yield came


def run(null_runs: int = NULL_RUNS, fault_runs: int = FAULT_RUNS) -> dict[str, Any]:
    """False alerts of null runs, and the share of each fault found with its cause; half an hour of one core."""
    figures: dict[str, Any] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        nulls = [told for told in _each(pool, null, null_runs) if told]
        figures["null"] = {"runs": null_runs, "false": len(nulls), **bounds(len(nulls), null_runs), "told": nulls[:20]}
        sys.stderr.write(f"null: {json.dumps(figures['null'])}\n")
        for name in FAULTS:
            seen = list(_each(pool, partial(faulty, name), fault_runs))
            right = [hours for hours, named, _told in seen if named]
            figures[name] = {
                "runs": fault_runs,
                **bounds(len(right), fault_runs),
                "hours_median": float(np.median(right)) if right else None,
                "hours_p95": float(np.quantile(right, 0.95)) if right else None,
                "missed": sum(math.isinf(hours) for hours, _named, _told in seen),
                "otherwise": [told for hours, named, told in seen if not named and math.isfinite(hours)][:10],
            }
            sys.stderr.write(f"{name}: {json.dumps(figures[name])}\n")
    return {**figures, "aims": {"null_upper_95": 0.03, "fault_share": 0.95}}
