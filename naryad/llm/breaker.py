"""A circuit breaker: stops asking a provider that fails, and lets it prove itself before trusting it again."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from naryad.errors import NaryadError


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerOpen(NaryadError):
    """The call was not let through; nothing was sent."""


class Verdict:
    """What one admitted call says about its provider; without a word from the caller it says nothing."""

    def __init__(self) -> None:
        self.good: bool | None = None

    def succeeded(self) -> None:
        """The provider answered."""
        self.good = True

    def failed(self) -> None:
        """The provider is at fault."""
        self.good = False


class Breaker:
    """Closed → open after `failures` in a row → half-open after `timeout_s` → closed after `successes` in a row.

    While half-open, one call passes at a time; its failure opens the breaker again.

    Args:
        failures: Failures in a row that open it.
        timeout_s: Seconds it stays open.
        successes: Successes in a row that close it.
        clock: Monotonic seconds.
    """

    def __init__(
        self, failures: int, timeout_s: float, successes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._timeout_s, self._needed, self._clock = failures, timeout_s, successes, clock
        self._failures = 0
        self._proofs = 0
        self._opened_at: float | None = None
        self._probe: Verdict | None = None

    @property
    def state(self) -> BreakerState:
        """The present state."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        waited = self._clock() - self._opened_at >= self._timeout_s
        return BreakerState.HALF_OPEN if waited else BreakerState.OPEN

    @contextmanager
    def call(self) -> Iterator[Verdict]:
        """Admit one call, which then tells its verdict.

        Raises:
            BreakerOpen: The breaker is open, or half-open with a probe already on its way.
        """
        state = self.state
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._probe):
            raise BreakerOpen(f"the breaker is {state.value}")
        verdict = Verdict()
        if state is BreakerState.HALF_OPEN:
            self._probe = verdict
        try:
            yield verdict
        finally:
            self._settle(verdict)

    def _settle(self, verdict: Verdict) -> None:
        probing = self._probe is verdict
        if probing:
            self._probe = None
        elif self._opened_at is not None:
            return  # it began before the breaker opened: old news
        if verdict.good is None:
            return
        if probing:
            self._proofs = self._proofs + 1 if verdict.good else 0
            if not verdict.good:
                self._opened_at = self._clock()
            elif self._proofs >= self._needed:
                self._opened_at, self._failures, self._proofs = None, 0, 0
            return
        self._failures = 0 if verdict.good else self._failures + 1
        if self._failures >= self._limit:
            self._opened_at, self._proofs = self._clock(), 0
