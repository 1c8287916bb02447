"""Which cause is named for what."""

from dataclasses import replace
from typing import Any

import pytest

from naryad.i18n import speaking
from naryad.sentinel.judge import HOUR
from tests.naryad.sentinel.days import END, OTHER, causes, legs, look

BOTH = ("ops", "support")


@pytest.mark.parametrize(
    ("fault", "agents", "cause", "root"),
    [
        ({"tool_errors": 0.5, "escalated": 0.4}, BOTH, "tool", "tool_errors probe_http"),
        ({"model_s": 1.4}, BOTH, "latency", "model_seconds"),
        ({"other": 0.7, "model_s": 1.4, "tokens": 0.8}, BOTH, "fallback", "answers_by local/small"),
        ({"tokens": 1.5, "model_s": 1.4, "prompts": "p2", "version": "v2"}, ("ops",), "prompt", "tokens"),
        ({"model_s": 1.5, "prompts": "p2", "version": "v2"}, ("ops",), "prompt", "model_seconds"),
        ({"model_s": 1.5, "prompts": "p2", "version": "v2"}, BOTH, "latency", "model_seconds"),
        ({"escalated": 0.3, "canaries": 0.3, "prompts": "p2", "version": "v2"}, ("support",), "prompt", "canaries"),
        ({"other": 1.0, "version": "v2"}, BOTH, "model", "answers_by local/small"),
        ({"degraded": True, "models": {}}, BOTH, "fallback", "degraded"),
        ({"escalated": 0.4, "version": "v2"}, ("ops",), "release", "failures"),
        ({"canaries": 0.4}, ("ops",), "model", "canaries"),
        ({"escalated": 0.4}, ("ops",), "unknown", "failures"),
    ],
)
def test_the_cause_is_named_and_the_rest_are_symptoms(
    fault: dict[str, Any], agents: tuple[str, ...], cause: str, root: str
) -> None:
    """One cause for each agent that was struck, shown by the series in which it sits."""
    verdict = look(legs(fault_h=30, agents=agents, **fault))
    assert causes(verdict) == dict.fromkeys(agents, cause)
    for one in verdict.diagnoses.values():
        assert str(one.root.key) == f"{one.agent} {root}"
        assert one.root.key not in {symptom.key for symptom in one.symptoms}


@pytest.mark.parametrize(
    ("fault", "cause", "root"),
    [
        ({"degraded": True, "models": {}}, "fallback", "canaries degraded"),
        ({"other": 0.8}, "fallback", "canaries answers_by local/small"),
        ({"other": 1.0, "version": "v2"}, "model", "canaries answers_by local/small"),
        ({"model_s": 2.0}, "latency", "canaries run_seconds"),
        ({"model_s": 2.0, "prompts": "p2", "version": "v2"}, "latency", "canaries run_seconds"),
        ({"tokens": 2.0, "prompts": "p2", "version": "v2"}, "prompt", "canaries tokens"),
    ],
)
def test_an_agent_that_nobody_asks_is_watched_by_its_canaries(fault: dict[str, Any], cause: str, root: str) -> None:
    """Not only by their failures: those pass without any model too."""
    of = [leg for leg in legs(fault_h=30, agents=("ops",), **fault) if leg.canary]
    verdict = look(of)
    assert (causes(verdict), str(verdict.diagnoses["ops"].root.key)) == ({"ops": cause}, f"ops {root}")
    assert causes(look([leg for leg in of if leg.agent == "support"])) == {}


def test_canaries_are_compared_with_canaries() -> None:
    """That they begin to be played, and are long and all answered by another model, says nothing of live runs."""
    of = [leg for leg in legs() if not leg.canary]
    odd = [replace(leg, canary="a", seconds=90, tokens=10**6, models={OTHER: [1, 0, 90]}) for leg in of]
    assert causes(look([*of, *(leg for leg in odd if leg.at > END - 60 * HOUR)])) == {}


def test_an_edit_without_effect_is_no_cause() -> None:
    """A model that became slow is not blamed on the prompt that was edited the same day, as it strikes all."""
    verdict = look(legs(fault_h=30, prompts="p2", version="v2"))
    assert causes(verdict) == {}


def test_the_line_for_people_names_agent_cause_and_figures() -> None:
    """With what was replaced by what."""
    verdict = look(legs(fault_h=30, agents=("ops",), tokens=1.5, prompts="p2", version="v2"))
    with speaking("en"):
        line = verdict.diagnoses["ops"].summary
    assert line.startswith("ops does worse: its prompts were changed. tokens of a run: ")
    assert "p1 → p2" in line
