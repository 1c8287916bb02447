"""The figures of one run."""

from math import comb

import pytest

from evals.metrics import quantile, summary
from evals.results import Results, Trial, Usage


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARYAD_LANG", "en")


def trials(case: str, verdicts: str, **fields: object) -> list[Trial]:
    """A case's epochs: `+` passed, `-` failed, `!` broke though it says that it passed."""
    return [
        Trial.model_validate(
            {"case": case, "epoch": at, "agent": "ops", "passed": one in "+!", "broken": one == "!"} | fields
        )
        for at, one in enumerate(verdicts, start=1)
    ]


def test_nothing_measured_is_said() -> None:
    """A run without trials has no shares and no percentiles, rather than zeros."""
    made = summary(Results(model="none"))
    assert (made.pass_at_1, made.pass_hat, made.cost, made.seconds_p50, made.degraded) == (None, {}, None, None, None)
    assert made.notes == ["There are no trials: nothing was measured."]


def test_pass_hat_is_unbiased_over_epochs() -> None:
    """Of 3 passes in 4, half of the pairs passed wholly; a single epoch has only pass^1."""
    made = summary(Results(model="openai:x", epochs=4, trials=[*trials("a/1", "+++-"), *trials("a/2", "++++")]))
    assert made.pass_hat == pytest.approx({k: (comb(3, k) / comb(4, k) + 1) / 2 for k in range(1, 5)})
    once = summary(Results(model="openai:x", trials=trials("a/1", "+")))
    assert once.pass_hat == {1: 1.0}
    assert "Each case was played once: how steadily it passes is not known." in once.notes


def test_what_is_missing_or_broke_counts_as_failed() -> None:
    """Two epochs of four that never ran, and one that broke, are no passes, and both are said."""
    made = summary(Results(model="openai:x", epochs=4, trials=[*trials("a/1", "++"), *trials("a/2", "+++!")]))
    assert made.pass_at_1
    assert made.pass_at_1.share == pytest.approx((2 / 4 + 3 / 4) / 2)
    assert (made.missing, made.broken) == (2, 1)
    assert made.notes[:2] == [
        "2 of 8 trials are missing and count as failed.",
        "1 of 6 trials broke and count as failed.",
    ]


def test_an_interrupted_run_says_so() -> None:
    """Whoever compares with it learns why cases are gone."""
    made = summary(Results(model="none", interrupted=True, trials=trials("a/1", "+")))
    assert made.notes[:1] == ["This run was interrupted: it says nothing of the cases that it lacks."]


def test_the_interval_is_over_cases() -> None:
    """Wilson's for 8 of 10 cases; more epochs of the same cases do not make it narrower."""
    one, many = (
        summary(Results(model="x:y", epochs=k, trials=[t for at in range(10) for t in trials(f"a/{at}", sign(at) * k)]))
        for k in (1, 8)
    )
    assert one.pass_at_1
    assert one.pass_at_1.model_dump() == pytest.approx({"cases": 10, "share": 0.8, "low": 0.4902, "high": 0.9433}, 1e-3)
    assert many.pass_at_1 == one.pass_at_1


def sign(at: int) -> str:
    return "+" if at < 8 else "-"


def test_shares_and_sums() -> None:
    """Calls, citations, asks, tokens and the models that answered, by agent and by tag."""
    made = summary(
        Results(
            model="chain",
            trials=[
                *trials(
                    "a/1", "+", tags=["ru"], calls=4, invalid_calls=1, citations=2, grounded=1, asks=1, models=["m"]
                ),
                *trials("b/2", "-", agent="support", tags=["ru", "en"], degraded=True, models=["m", "n"]),
            ],
        )
    )
    assert (made.valid_calls, made.grounded, made.asks_per_task, made.degraded) == (0.75, 0.5, 0.5, 0.5)
    assert {name: rate.share for name, rate in made.by_agent.items()} == {"ops": 1, "support": 0}
    assert {name: (rate.share, rate.cases) for name, rate in made.by_tag.items()} == {"en": (0, 1), "ru": (0.5, 2)}
    assert made.answered == {"m": 2, "n": 1}


def test_an_unknown_price_is_no_zero() -> None:
    """The cost is that of the trials whose price is known, and how many are not is said."""
    priced, unpriced = Usage(cost=0.25, seconds=3), Usage(seconds=5, input_tokens=7)
    made = summary(
        Results(model="x:y", trials=[*trials("a/1", "+", usage=priced), *trials("a/2", "+", usage=unpriced)])
    )
    assert (made.cost, made.unpriced, made.input_tokens) == (0.25, 1, 7)
    assert "The price of 1 of 2 trials is not known." in made.notes


def test_latency_leaves_out_what_broke() -> None:
    """The percentiles are of trials that were played to their end."""
    played = [t for at in range(1, 21) for t in trials(f"a/{at}", "+", usage=Usage(seconds=at))]
    made = summary(Results(model="x:y", trials=[*played, *trials("a/99", "!", usage=Usage(seconds=999))]))
    assert made.seconds_p50 == 10.5
    assert made.seconds_p95 == pytest.approx(19.05)
    assert quantile([4.0], 0.95) == 4.0
