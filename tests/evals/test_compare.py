"""Whether a run is worse than one before it."""

from itertools import product
from math import comb

import numpy as np
import pytest

from bench.compare import run as simulated
from evals.compare import Comparison, compare
from evals.comparing.passes import LEVEL, mcnemar, p_value, smallest_fall
from evals.comparing.ratios import compared
from evals.results import Results, Trial, Usage

LIVE = "openai:x"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARYAD_LANG", "en")


def ran(model: str, *verdicts: str, epochs: int = 1, **fields: object) -> Results:
    """A run whose cases have these epochs: `+` passed, `-` failed, `!` broke; an empty one was not played."""
    return Results(
        model=model,
        epochs=epochs,
        trials=[
            Trial.model_validate(
                {"case": f"ops/{case:02}", "epoch": at, "agent": "ops", "passed": one == "+", "broken": one == "!"}
                | fields
            )
            for case, epochs_ in enumerate(verdicts)
            for at, one in enumerate(epochs_, start=1)
        ],
    )


def told(made: Comparison) -> list[tuple[str, str]]:
    return [(one.kind, one.case) for one in made.changes]


def test_with_one_epoch_the_test_is_mcnemars() -> None:
    """Whatever fell and rose among the cases, both p-values are the same."""
    for fell, rose in product(range(6), range(6)):
        before = [1] * fell + [0] * rose + [1] * 9 + [0] * 3
        after = [0] * fell + [1] * rose + [1] * 9 + [0] * 3
        assert p_value(before, after, (1, 1)) == pytest.approx(mcnemar(fell, rose))


def test_with_more_epochs_it_counts_all_orders() -> None:
    """The p-value is what counting every way to share out the passes of two cases gives, epochs unequal."""
    before, after, epochs = (4, 2), (0, 1), (4, 2)
    ways = [
        (first + second, comb(2, first) * comb(4, 4 - first) * comb(2, second) * comb(4, 3 - second))
        for first, second in product(range(3), range(3))
    ]
    wanted = sum(way for passed, way in ways if passed <= sum(after)) / sum(way for _passed, way in ways)
    assert p_value(before, after, epochs) == pytest.approx(wanted)


def test_a_fall_of_a_live_model_blocks_where_it_is_no_chance() -> None:
    """Seven cases of twelve that fall block; six may be chance, and what would have been seen is said."""
    before = ran(LIVE, *["+"] * 12)
    fell = compare(before, ran(LIVE, *["-"] * 7, *["+"] * 5))
    assert fell.reasons == ["The share of trials that pass fell from 100% to 42%."]
    assert (fell.passes.fell, fell.passes.rose, fell.passes.mcnemar) == (7, 0, 2**-7)
    chance = compare(before, ran(LIVE, *["-"] * 6, *["+"] * 6))
    assert not chance.blocks
    assert chance.passes.smallest
    assert chance.passes.smallest > 6 / 12
    assert told(chance) == [("failed", f"ops/{at:02}") for at in range(6)]


def test_better_never_blocks() -> None:
    """Cases that are fixed are listed."""
    made = compare(ran(LIVE, *["-"] * 20), ran(LIVE, *["+"] * 20))
    assert (made.blocks, {kind for kind, _case in told(made)}) == (False, {"fixed"})


def test_where_nothing_is_chance_one_case_blocks() -> None:
    """A deterministic model's case that fell blocks, named, though another one was fixed; live, it would not."""
    made = compare(ran("none", "+", "+", "-"), ran("none", "+", "-", "+"))
    assert made.reasons == ["These cases passed before and do not now: ops/01."]
    assert made.deterministic
    assert not compare(ran(LIVE, "+", "+", "-"), ran("none", "+", "-", "+")).blocks


@pytest.mark.parametrize("verdict", ["!", "-"])
def test_a_case_that_broke_is_one_that_failed(verdict: str) -> None:
    """It is neither passed nor left out."""
    made = compare(ran("none", "+", "+"), ran("none", "+", verdict))
    assert (told(made), made.passes.after) == ([("failed", "ops/01")], 0.5)


@pytest.mark.parametrize("model", ["none", LIVE])
def test_a_case_that_is_gone_counts_as_failed(model: str) -> None:
    """It blocks if it passed before, whatever the model; one that failed before does not."""
    made = compare(ran(model, "+", "+", "-"), ran(model, "+"))
    assert made.reasons == ["These cases passed before and are gone: ops/01."]
    assert told(made) == [("gone", "ops/01"), ("gone", "ops/02")]
    assert made.passes.after == pytest.approx(1 / 3)


def test_a_new_case_decides_nothing() -> None:
    """It is listed, failed or not."""
    made = compare(ran("none", "+"), ran("none", "+", "-"))
    assert (made.blocks, told(made), made.passes.cases) == (False, [("new", "ops/01")], 1)


def test_nothing_before_is_nothing_to_compare() -> None:
    """Empty runs on either side have a comparison all the same."""
    assert not compare(ran(LIVE), ran(LIVE, "+")).blocks
    assert not compare(ran("none"), ran("none")).blocks
    assert compare(ran(LIVE, "+"), ran(LIVE)).blocks


def test_different_models_and_epochs_are_said() -> None:
    """They are compared all the same, with the epochs that each has."""
    made = compare(ran(LIVE, "++-+", "++++", epochs=4), ran("openai:y", "+", "+", models=["y"]))
    assert not made.blocks
    assert made.notes[:3] == [
        "Different models: before openai:x, now openai:y.",
        "Different epochs: before 4, now 1.",
        "Other models answered: before —, now y.",
    ]


@pytest.mark.parametrize(("model", "blocks"), [("none", True), (LIVE, False)])
def test_more_questions_to_people_are_named(model: str, blocks: bool) -> None:
    """Asks that grew are always said; they block where the model decides the same each time."""
    made = compare(ran(model, "+", "+"), ran(model, "+", "+", asks=1))
    assert made.blocks is blocks
    assert "Asks per task grew from 0.00 to 1.00." in made.notes
    assert ("asks", "ops/01") in told(made)
    assert not compare(ran("none", "-"), ran("none", "+", asks=1)).blocks  # it did not get to its question before


def test_what_costs_nothing_is_compared_by_tokens() -> None:
    """A model of one's own has the price 0: three times as many tokens are more all the same."""
    for before, after in ((0.0, 0.0), (0.0, 0.5), (0.5, 0.0)):
        made = compare(paced("replay", 1, 1000, before), paced("replay", 1, 3000, after))
        assert (made.blocks, "tokens" in [one.measure for one in made.ratios]) == (True, True)


def paced(model: str, seconds: float, tokens: int, cost: float | None = None) -> Results:
    drawn, made = np.random.default_rng(int(seconds * tokens)), ran(model, *["+"] * 24)
    for trial in made.trials:
        noise = float(drawn.lognormal(0, 0.1))
        trial.usage = Usage(seconds=seconds * noise, input_tokens=int(tokens * noise), cost=cost and cost * noise)
    return made


def test_slower_or_dearer_blocks_from_the_floor_on() -> None:
    """A tenth more is no stop though it is no chance; half as much again is, in seconds as in tokens or money."""
    before = paced(LIVE, 10, 1000)
    little = compare(before, paced(LIVE, 11.1, 1000))
    assert (little.blocks, little.ratios[0].low > 1) == (False, True)
    slow = compare(before, paced(LIVE, 15, 1500))
    assert [one.measure for one in slow.ratios if one.worse] == ["seconds", "tokens"]
    assert len(slow.reasons) == 2
    assert slow.ratios[0].low < 1.5 < slow.ratios[0].high
    dear = compare(paced(LIVE, 10, 1000, 0.1), paced(LIVE, 10, 1000, 0.2))
    assert [(one.measure, one.worse) for one in dear.ratios] == [("seconds", False), ("cost", True)]


def test_seconds_never_block_where_nothing_is_chance() -> None:
    """A busy machine is no regression; tokens that grew are, and nothing measured before compares with nothing."""
    before = paced("replay:x", 10, 1000)
    assert not compare(before, paced("replay:x", 40, 1010)).blocks
    assert compare(before, paced("replay:x", 10, 1500)).blocks
    assert compare(ran("replay:x", *["+"] * 24), before).ratios == []


def test_few_cases_are_never_sure() -> None:
    """Five cases that all take ten times as long may be chance: one time in 32."""
    made = compared("seconds", [2.3] * 5)
    assert (made.worse, made.smallest) == (False, None)
    assert made.p == pytest.approx(1 / 32, rel=0.1)
    assert smallest_fall(5, (1, 1), 0.8) is None


def test_the_smallest_fall_shrinks_with_epochs_and_cases() -> None:
    """And a fall to nothing of a single case is never seen."""
    falls = [smallest_fall(*seen, 0.8) for seen in ((36, (1, 1)), (36, (1, 4)), (36, (4, 4)), (100, (4, 4)))]
    assert falls == sorted(falls, key=lambda fall: -(fall or 0))
    assert all(falls)
    assert LEVEL < smallest_fall(100, (4, 4), 0.8) < 0.15  # type: ignore[operator]  # it is none of None


@pytest.mark.parametrize("epochs", [1, 4])
def test_the_level_holds_where_nothing_changed(epochs: int) -> None:
    """Of 1,000 pairs of runs of cases of mixed difficulty no more are seen to fall than the level says, and chance."""
    drawn = np.random.default_rng(3)
    seen = 0
    for _pair in range(1000):
        chance = drawn.beta(2, 0.5, 36)
        before, after = (drawn.binomial(epochs, chance).tolist() for _run in range(2))
        seen += p_value(before, after, (epochs, epochs)) <= LEVEL
    assert seen <= 1000 * LEVEL * 2


def test_the_benchmark_tells_its_figures() -> None:
    """A short one: nothing blocked where nothing changed, the stated effects were all there to see."""
    for figures in simulated(nulls=2, effects=1).values():
        assert figures["false_blocks"] == 0
        assert set(figures["power_at_stated"]) == {"harder", "broken", "seconds", "tokens"}
        assert 0 < figures["stated"]["fall"] < 0.6
