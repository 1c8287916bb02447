"""What counts as worse, and what does not."""

from typing import Any

import pytest

from naryad.sentinel.judge import DAY, HOUR, Against, Span
from naryad.sentinel.series import Key, Leg, Measure, samples_of
from tests.naryad.sentinel.days import END, causes, legs, look

SLOW: dict[str, Any] = {"fault_h": 24.0, "model_s": 1.5}


def test_where_nothing_changed_nothing_is_worse() -> None:
    """At none of the looks of a day."""
    samples = samples_of(legs())
    assert [causes(look([], at=END - h * HOUR, samples=samples)) for h in range(0, 24, 3)] == [{}] * 8


def test_what_became_slower_is_worse_by_its_figures() -> None:
    """The comparison says how much, against what, and how many legs stand behind it."""
    verdict = look(legs(**SLOW))
    worse = [one for one in verdict.comparisons if one.worse and one.key == Key("ops", Measure.MODEL_S)]
    assert worse
    assert all(1.3 < one.now / one.before < 1.7 and one.legs >= 12 for one in worse)
    assert {one.against for one in worse} == {Against.ROLLING}


def test_an_effect_below_the_floor_is_not_worse_however_sure() -> None:
    """Eight percent are nobody's trouble, though a thousand legs leave no doubt."""
    verdict = look(legs(fault_h=60, model_s=1.08))
    assert causes(verdict) == {}


def test_one_bad_window_is_not_enough() -> None:
    """What is as it was in the older window is no lasting change: it may pass."""
    assert causes(look(legs(fault_h=2, model_s=1.5))) == {}


def test_few_figures_are_not_judged() -> None:
    """Neither a new install, nor an agent that hardly runs."""
    assert look(legs(hours=30, **SLOW), levels=True).comparisons == []
    assert look([leg for leg in legs(**SLOW) if int(leg.at) % 97 == 0], levels=True).comparisons == []


def test_nights_are_compared_with_nights() -> None:
    """A model that is slow each night is not worse in the night, and slower still it is."""
    assert causes(look(legs(night=2.0))) == {}
    assert set(causes(look(legs(night=2.0, **SLOW))).values()) == {"latency"}


def test_what_creeps_is_seen_against_the_golden_baseline() -> None:
    """Nine bad days are the rolling baseline themselves; what a person accepted before them is not."""
    crept = legs(hours=18 * 24, fault_h=9 * 24, model_s=1.4)
    assert causes(look(crept)) == {}
    golden = dict.fromkeys(("ops", "support"), Span(END - 18 * DAY, END - 12 * DAY))
    assert causes(look(crept, golden)) == {"ops": "latency", "support": "latency"}


def test_what_came_before_the_accepted_days_is_no_baseline() -> None:
    """Who accepts the present ends what was found in it."""
    of, accepted = legs(hours=240, fault_h=60, model_s=1.5), Span(END - 40 * HOUR, END)
    assert set(causes(look(of))) == {"ops", "support"}
    assert causes(look(of, {"ops": accepted, "support": accepted})) == {}


def test_a_degradation_that_stands_is_no_baseline() -> None:
    """After nine days of it the days before are still those before it began."""
    of = legs(hours=18 * 24, fault_h=9 * 24, model_s=1.4)
    began = dict.fromkeys(("ops", "support"), END - 9 * DAY + 12 * HOUR)
    assert causes(look(of, standing=began)) == {"ops": "latency", "support": "latency"}


@pytest.mark.parametrize("outcome", ["cancelled", "failed"])
def test_what_was_broken_off_has_no_length(outcome: str) -> None:
    """Nor says a leg that a person cancelled anything else."""
    series = look([Leg(END - 1, "ops", outcome, seconds=1, tokens=5, models={"m": [1, 0, 1]})]).samples.series
    measures = {key.measure for key in series}
    assert not measures & {Measure.RUN_S, Measure.OWN_S, Measure.TOKENS}
    assert (Measure.FAILURES in measures) is (outcome == "failed")
