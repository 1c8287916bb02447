"""One look of the sentinel: what is worse with which agent, told as the monitors tell."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from naryad.alerts.start import OURSELVES
from naryad.clock import now
from naryad.db.session import Database
from naryad.scheduler.monitors import Finding, Looks
from naryad.sentinel.causes import Diagnosis, diagnosed
from naryad.sentinel.judge import ROLLING, Comparison, compared
from naryad.sentinel.records import PREFIX, Known, known
from naryad.sentinel.series import Key, Measure, Samples, samples_of

ALERT = "AgentDegraded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look came to.

    Attributes:
        comparisons: All of them.
        diagnoses: Of each agent that does worse.
    """

    samples: Samples
    comparisons: list[Comparison]
    diagnoses: dict[str, Diagnosis]


async def look(database: Database, agents: Collection[str]) -> Looks:
    """Look at the agents; one that cannot be judged is neither well nor ill: what people were told of it stands."""
    moment = now()
    of = await known(database, moment)
    verdict = await judged(of, moment)
    # Canaries go on while nobody works: they say nothing of what was found in live runs, nor the other way round.
    seen = {(one.key.agent, one.key.canary) for one in verdict.comparisons}
    found: dict[str, Finding | None] = {agent: None for agent, _canaries in seen if agent in agents}
    for agent, labels in of.told.items():
        canaries = labels["series"].startswith(str(Key(agent, Measure.CANARIES, canary=True)))
        if agent in agents and (agent, canaries) not in seen:
            found[agent] = Finding(labels, labels["series"])
    found |= {agent: _finding(one) for agent, one in verdict.diagnoses.items()}
    return {f"{PREFIX}{agent}": finding for agent, finding in found.items()}


async def judged(of: Known, moment: datetime, *, rolling: float = ROLLING, levels: bool = False) -> Verdict:
    """Judge what is known, in a thread: it takes a second where a lot is."""
    return await asyncio.to_thread(judge, of, moment.timestamp(), rolling=rolling, levels=levels)


def judge(
    of: Known, moment: float, *, rolling: float = ROLLING, levels: bool = False, samples: Samples | None = None
) -> Verdict:
    """Judge what is known at a moment in seconds since 1970."""
    samples = samples or samples_of(of.legs)
    found = compared(samples, moment, of.golden, of.standing, rolling=rolling, levels=levels)
    diagnoses = {one.agent: one for one in _diagnoses(of, samples, found, moment)}
    return Verdict(samples, found, diagnoses)


def _diagnoses(of: Known, samples: Samples, found: list[Comparison], moment: float) -> Iterable[Diagnosis]:
    for agent in dict.fromkeys(one.key.agent for one in found):
        told, golden = agent in of.standing, of.golden.get(agent)
        if one := diagnosed(agent, found, samples.histories.get(agent), moment, golden=golden, stands=told):
            yield one


def _finding(one: Diagnosis) -> Finding:
    # «service: naryad»: people are told, and no agent is set on its own troubles.
    labels = {"alertname": ALERT, "service": OURSELVES, "severity": "medium", "agent": one.agent}
    return Finding(labels | {"cause": one.cause.value, "series": str(one.root.key)}, one.summary)
