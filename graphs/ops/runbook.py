"""The deterministic way to a cause: the runbook whose every condition holds on the evidence."""

from collections.abc import Sequence

from graphs.ops.intake import Candidate
from graphs.ops.state import Check, Claim, Evidence, Plan
from knowledge_base.runbooks import Step
from naryad import canonical
from naryad.i18n import language

TITLE_CHARS = 120
"""Longest title of a playbook, as the tool that runs it takes it."""


def choose(found: Sequence[Candidate], evidence: Sequence[Evidence]) -> tuple[Claim, Plan] | None:
    """The most demanding runbook that holds, as a cause with its evidence and a plan; None when none does."""
    holding = [(candidate, cited) for candidate in found if (cited := _cited(candidate, evidence))]
    if not holding:
        return None
    candidate, cited = max(holding, key=lambda pair: pair[0].runbook.weight)
    return Claim(text=candidate.runbook.cause.fill(candidate.places), evidence=cited), plan(candidate)


def plan(candidate: Candidate) -> Plan:
    """What the runbook wants done."""
    runbook, places = candidate.runbook, candidate.places
    title = runbook.remedy.title.fill(places)
    return Plan(
        source=f"runbook:{runbook.id}",
        title=title,
        name=shorten(title[language()]),
        playbook=runbook.remedy.playbook,
        variables={name: places.fill(value) for name, value in runbook.remedy.variables.items()},
        rollback=runbook.remedy.rollback,
        verify=[_check(candidate, step) for step in runbook.verify],
        timeout_s=runbook.verify_timeout_s,
    )


def shorten(title: str) -> str:
    """A title as a playbook may have it: a path in it may be of any length."""
    return title if len(title) <= TITLE_CHARS else title[: TITLE_CHARS - 1] + "…"


def _check(candidate: Candidate, step: Step) -> Check:
    filled = candidate.places.condition(step)
    assert filled.expect is not None  # the runbook's own validation saw to it
    return Check(tool=step.tool, args=candidate.places.args(step), expect=filled.expect)


def _cited(candidate: Candidate, evidence: Sequence[Evidence]) -> list[str]:
    """Ids of the evidence that bears every condition; empty when one does not hold or was not seen."""
    seen = {canonical.encode([item["tool"], item["args"]]): item for item in evidence}
    cited = []
    for step in candidate.runbook.diagnose:
        item = seen.get(canonical.encode([step.tool, candidate.places.args(step)]))
        if step.expect is None:
            continue
        if item is None or not item["ok"] or not candidate.places.condition(step).holds(item["data"]):
            return []
        cited.append(item["id"])
    return cited
