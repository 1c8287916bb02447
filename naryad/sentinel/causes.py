"""Names the cause of what got worse: from where the effect sits, and from what changed at the same time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from naryad.i18n import N_, _
from naryad.sentinel.judge import Against, Comparison, Span
from naryad.sentinel.series import History, Measure


class Cause(StrEnum):
    """Why an agent does worse."""

    FALLBACK = "fallback"
    TOOL = "tool"
    PROMPT = "prompt"
    MODEL = "model"
    LATENCY = "latency"
    RELEASE = "release"
    UNKNOWN = "unknown"


WORDS = {
    Cause.FALLBACK: N_("another model answers than usual, or none"),
    Cause.TOOL: N_("a tool fails"),
    Cause.PROMPT: N_("its prompts were changed"),
    Cause.MODEL: N_("the model does worse or was replaced"),
    Cause.LATENCY: N_("something became slow"),
    Cause.RELEASE: N_("its code or its models were changed"),
    Cause.UNKNOWN: N_("nothing of ours changed"),
}
_SERIES = {
    Measure.FAILURES: N_("runs that came to nothing"),
    Measure.DEGRADED: N_("runs without a model"),
    Measure.ANSWERS_BY: N_("runs answered by"),
    Measure.MODEL_ERRORS: N_("runs with errors of models"),
    Measure.TOOL_ERRORS: N_("runs with errors of"),
    Measure.CANARIES: N_("failed canaries"),
    Measure.RUN_S: N_("seconds of a run"),
    Measure.MODEL_S: N_("seconds of a model's answer"),
    Measure.TOOL_S: N_("seconds of"),
    Measure.OWN_S: N_("seconds of our own"),
    Measure.TOKENS: N_("tokens of a run"),
}
_ANSWERS = (Measure.CANARIES, Measure.FAILURES, Measure.TOKENS)
"""What the words of a prompt can make worse."""
_LAYERS = (Measure.MODEL_S, Measure.TOOL_S, Measure.OWN_S)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why one agent does worse.

    Attributes:
        root: The series in which the cause shows itself.
        symptoms: What else is worse, and is not told of on its own.
        change: What was replaced by what, in digests; empty where nothing was.
    """

    agent: str
    cause: Cause
    root: Comparison
    symptoms: tuple[Comparison, ...]
    change: str = ""

    @property
    def summary(self) -> str:
        """It in one line."""
        text = _("{agent} does worse: {why}. {series}: {before} → {now} ({change}).")
        key = self.root.key
        line = text.format(
            agent=self.agent,
            why=_(WORDS[self.cause]),
            series=words(key.measure, key.of, canary=key.canary),
            before=shown(self.root.before, key.measure),
            now=shown(self.root.now, key.measure),
            change=self.root.change,
        )
        named = ((words(one.key.measure, one.key.of, canary=one.key.canary), one.change) for one in self.symptoms)
        also = ", ".join(" ".join(one) for one in named)
        return " ".join(filter(None, [line, self.change, also and _("Also: {symptoms}.").format(symptoms=also)]))


def words(measure: Measure, of: str, *, canary: bool) -> str:
    """A series for people."""
    series = f"{_(_SERIES[measure])} {of}".strip()
    return _("{series} (canaries)").format(series=series) if canary and measure is not Measure.CANARIES else series


def shown(value: float, measure: Measure) -> str:
    """A level for people: shares as percent."""
    return f"{value:.3g}" if measure.amount else f"{100 * value:.1f} %"


def diagnosed(
    agent: str,
    found: Sequence[Comparison],
    history: History | None,
    moment: float,
    *,
    golden: Span | None = None,
    stands: bool = False,
) -> Diagnosis | None:
    """The one cause behind all that got worse for an agent; None where nothing did.

    A deeper cause goes before what follows from it: another model is slower and says more, a tool that fails makes
    runs long and fruitless, a prompt that asks for more makes the model slow.

    Args:
        agent: The agent.
        found: All comparisons of the look.
        history: What it was made of.
        moment: When was looked, in seconds since 1970.
        golden: The days that were accepted for it.
        stands: Whether people know already that it does worse: clues are enough to keep that.
    """
    clues = [one for one in found if one.key.agent == agent and (one.worse or one.suspect)]
    if not (stands and clues) and not any(one.worse for one in clues):
        return None
    ranked = sorted(clues, key=lambda one: (not one.worse, one.proposed * one.confirmed, -one.window))
    # Of one series the strongest comparison speaks.
    strongest = {one.key: one for one in reversed(ranked)}
    of = {one.key.measure: one for one in sorted(strongest.values(), key=ranked.index, reverse=True)}
    since = moment - min(one.window for one in clues)
    crept = golden and all(one.against is Against.GOLDEN for one in clues)  # too slowly for the days before to differ
    before = golden if golden and crept else Span(0, since)
    release, prompts = _changes(history, before, since) if history else ("", "")
    alone = not any(one.suspect and one.key.measure is Measure.MODEL_S and one.key.agent != agent for one in found)
    cause, root, change = _named(of, ranked, release, prompts, alone=alone)
    symptoms = tuple(one for one in sorted(strongest.values(), key=ranked.index) if one.key != root.key)
    return Diagnosis(agent, cause, root, symptoms, change)


def _named(
    of: dict[Measure, Comparison], ranked: Sequence[Comparison], release: str, prompts: str, *, alone: bool
) -> tuple[Cause, Comparison, str]:
    if other := of.get(Measure.ANSWERS_BY) or of.get(Measure.DEGRADED):
        configured = release and not prompts and other.key.measure is Measure.ANSWERS_BY
        return (Cause.MODEL, other, release) if configured else (Cause.FALLBACK, other, "")
    if tool := of.get(Measure.TOOL_ERRORS):
        return Cause.TOOL, tool, ""
    if broken := of.get(Measure.MODEL_ERRORS):
        return Cause.MODEL, broken, ""
    answers = next((one for one in ranked if one.key.measure in _ANSWERS), None)
    if answers and prompts:
        return Cause.PROMPT, answers, prompts
    layer = next((one for one in ranked if one.key.measure in _LAYERS), None)
    if layer and layer.key.measure is Measure.MODEL_S and prompts and alone:  # a slow model strikes all who ask it
        return Cause.PROMPT, layer, prompts
    if layer and not of.get(Measure.TOKENS):
        return Cause.LATENCY, layer, ""
    if release and not prompts:
        return Cause.RELEASE, answers or ranked[0], release
    if model := of.get(Measure.CANARIES) or of.get(Measure.TOKENS):  # all else of a canary is as it was
        return Cause.MODEL, model, ""
    return (Cause.UNKNOWN, answers, "") if answers else (Cause.LATENCY, ranked[0], "")


def _changes(history: History, before: Span, since: float) -> tuple[str, str]:
    """What the agent was mostly made of before, and is since a moment: its version, and its prompts."""
    first, last, begun = np.searchsorted(history.at, (before.since, before.until, since))

    def changed(digests: Sequence[str]) -> str:
        old, new = (Counter(part).most_common(1) for part in (digests[first:last], digests[begun:]))
        return f"{old[0][0]} → {new[0][0]}" if old and new and old[0][0] != new[0][0] else ""

    return changed(history.versions), changed(history.prompts)
