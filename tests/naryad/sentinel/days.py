"""Days of two agents on one model, as figures; and faults that strike from a moment on."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from naryad.sentinel.judge import DAY, HOUR, Span
from naryad.sentinel.records import Known
from naryad.sentinel.sentinel import Verdict, judge
from naryad.sentinel.series import Leg

END = 1_000 * DAY
AN_HOUR = 6
USUAL, OTHER = "openai/large", "local/small"


def legs(
    hours: float = 240,
    *,
    fault_h: float = 0,
    agents: Collection[str] = ("ops", "support"),
    model_s: float = 1.0,
    tool_errors: float = 0.01,
    other: float = 0.0,
    tokens: float = 1.0,
    escalated: float = 0.05,
    canaries: float = 0.02,
    night: float = 1.0,
    **made: Any,
) -> list[Leg]:
    """Legs of the hours before `END`; what is not the default holds in the last `fault_h` of them, for some agents.

    Args:
        night: Times the seconds of the model in the second half of each day, always and for all.
        made: What a struck leg's fields are, for example its prompts.
    """
    rng, found = np.random.default_rng(7), []
    for agent in ("ops", "support"):
        for at in END - HOUR * np.sort(rng.uniform(0, hours, int(hours * AN_HOUR))):
            struck = agent in agents and at >= END - fault_h * HOUR

            def now(value: float, usual: float, struck: bool = struck) -> float:
                return value if struck else usual

            seconds = rng.lognormal(0.7, 0.4) * now(model_s, 1) * (night if at % DAY > DAY / 2 else 1)
            model = OTHER if rng.random() < now(other, 0) else USUAL
            errors = rng.random() < now(tool_errors, 0.01)
            result = "escalated" if rng.random() < now(escalated, 0.05) else "answered"
            leg = Leg(
                at=float(at),
                agent=agent,
                outcome="finished",
                seconds=seconds + 1.2,
                version="v1",
                prompts="p1",
                result=result,
                tokens=int(rng.lognormal(7, 0.4) * now(tokens, 1)),
                models={model: [1, 0, seconds]},
                tools={"probe_http": [1, int(errors), rng.lognormal(-1, 0.4)]},
            )
            canary = replace(
                leg,
                canary="a",
                outcome="failed" if rng.random() < now(canaries, 0.02) else "finished",
                tools={},
                tokens=int(rng.lognormal(6, 0.6) * now(tokens, 1)),
                seconds=rng.lognormal(1, 0.6) * now(model_s, 1),
                models={OTHER if rng.random() < now(other, 0) else USUAL: [1, 0, 1.0]},
            )
            found += [replace(one, **made) if struck else one for one in (leg, canary)]
    return found


def look(
    of: list[Leg], golden: Mapping[str, Span] | None = None, standing: Mapping[str, float] | None = None, **options: Any
) -> Verdict:
    """Judge them at `END`."""
    return judge(Known(of, dict(golden or {}), dict(standing or {})), options.pop("at", END), **options)


def causes(verdict: Verdict) -> dict[str, str]:
    """The cause that was named for each agent that does worse."""
    return {agent: one.cause.value for agent, one in verdict.diagnoses.items()}
