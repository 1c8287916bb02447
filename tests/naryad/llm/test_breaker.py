"""The breaker's states, by a clock that the test moves."""

import pytest

from naryad.llm.breaker import Breaker, BreakerOpen, BreakerState


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(3, 60, 2, clock)


def say(breaker: Breaker, good: bool) -> None:
    with breaker.call() as verdict:
        verdict.succeeded() if good else verdict.failed()


def state(breaker: Breaker) -> BreakerState:
    return breaker.state


def open_it(breaker: Breaker) -> None:
    for _ in range(3):
        say(breaker, False)


def test_three_failures_in_a_row_open_it(breaker: Breaker) -> None:
    """Two failures leave it closed, a success between them starts the count again, the third in a row opens it."""
    for good in (False, False, True, False, False):
        say(breaker, good)
    assert state(breaker) is BreakerState.CLOSED
    say(breaker, False)
    assert state(breaker) is BreakerState.OPEN
    with pytest.raises(BreakerOpen), breaker.call():
        pytest.fail("the call was let through")


def test_two_successes_close_it_after_the_timeout(breaker: Breaker, clock: Clock) -> None:
    """It stays open for 60 s to the moment, then takes two successes to close."""
    open_it(breaker)
    clock.now += 59.9
    assert state(breaker) is BreakerState.OPEN
    clock.now += 0.1
    assert state(breaker) is BreakerState.HALF_OPEN
    say(breaker, True)
    assert state(breaker) is BreakerState.HALF_OPEN
    say(breaker, True)
    assert state(breaker) is BreakerState.CLOSED
    say(breaker, False)
    assert state(breaker) is BreakerState.CLOSED, "the count of failures was not cleared"


def test_a_failed_probe_opens_it_for_another_timeout(breaker: Breaker, clock: Clock) -> None:
    """One success and then a failure: open again, and the success is forgotten."""
    open_it(breaker)
    clock.now += 60
    say(breaker, True)
    say(breaker, False)
    assert state(breaker) is BreakerState.OPEN
    clock.now += 60
    say(breaker, True)
    assert state(breaker) is BreakerState.HALF_OPEN


def test_half_open_lets_one_probe_at_a_time(breaker: Breaker, clock: Clock) -> None:
    """While a probe is on its way no second call passes; afterwards one does."""
    open_it(breaker)
    clock.now += 60
    with breaker.call() as verdict:
        with pytest.raises(BreakerOpen), breaker.call():
            pytest.fail("a second probe was let through")
        verdict.succeeded()
    say(breaker, True)
    assert state(breaker) is BreakerState.CLOSED


def test_an_abandoned_probe_frees_its_place(breaker: Breaker, clock: Clock) -> None:
    """A call that is cancelled says nothing about the provider and does not block the next probe."""
    open_it(breaker)
    clock.now += 60
    with pytest.raises(KeyboardInterrupt), breaker.call():
        raise KeyboardInterrupt
    assert state(breaker) is BreakerState.HALF_OPEN
    say(breaker, True)
    say(breaker, True)
    assert state(breaker) is BreakerState.CLOSED


@pytest.mark.parametrize("good", [True, False])
def test_late_news_from_before_it_opened_changes_nothing(breaker: Breaker, clock: Clock, good: bool) -> None:
    """A call that began while it was closed neither closes it nor prolongs its time."""
    with breaker.call() as slow:
        open_it(breaker)
        clock.now += 60
        slow.succeeded() if good else slow.failed()
    assert state(breaker) is BreakerState.HALF_OPEN
    say(breaker, True)
    assert state(breaker) is BreakerState.HALF_OPEN
