"""What is counted of this process; what the database knows is asked when somebody looks."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from naryad.observability import Kind, Operation

PRICES_USD = {
    "gpt-4.1": (2.00, 8.00),
    "gpt-4.1-mini": (0.40, 1.60),
    "gpt-4.1-nano": (0.10, 0.40),
    "gpt-4o": (2.50, 10.00),
    "gpt-4o-mini": (0.15, 0.60),
}
"""OpenAI's list prices of a million tokens in and out; a model that is not here is not reckoned."""
LAG_EVERY_S = 0.5
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Meters:
    """The counters of one process, on a registry of their own; `watch` fills them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "naryad_http_requests", "HTTP requests.", ["method", "route", "status"], registry=self.registry
        )
        self.request_s = Histogram(
            "naryad_http_request_duration_seconds",
            "Until the whole answer was sent; a stream lives long.",
            ["method", "route"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._runs = Counter(
            "naryad_runs",
            "Legs of runs: to the end, to a question, or broken.",
            ["agent", "outcome"],
            registry=self.registry,
        )
        self._run_s = Histogram(
            "naryad_run_duration_seconds", "One leg of a run.", ["agent"], registry=self.registry, buckets=_SECONDS
        )
        self._asked = Counter(
            "naryad_llm_requests", "Attempts at a model.", ["provider", "model", "outcome"], registry=self.registry
        )
        self._ask_s = Histogram(
            "naryad_llm_request_duration_seconds",
            "One attempt at a model, to its last token.",
            ["provider", "model"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._tokens = Counter(
            "naryad_llm_tokens", "Tokens.", ["provider", "model", "direction"], registry=self.registry
        )
        self._cost = Counter(
            "naryad_llm_cost_usd", "Cost by OpenAI's list prices.", ["provider", "model"], registry=self.registry
        )
        self._tools = Counter(
            "naryad_tool_calls", "Tools that were run.", ["tool", "risk", "outcome"], registry=self.registry
        )
        self._tool_s = Histogram(
            "naryad_tool_duration_seconds", "One run of a tool.", ["tool"], registry=self.registry, buckets=_SECONDS
        )
        self._lag = Gauge(
            "naryad_event_loop_lag_seconds", "How late the event loop woke a sleeper last.", registry=self.registry
        )

    @contextmanager
    def watch(self, seen: Operation) -> Iterator[None]:
        """Count an operation at its end."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._count(seen, time.monotonic() - began)

    async def lag(self) -> None:
        """Measure how busy the event loop is; never ends."""
        while True:
            due = time.monotonic() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.set(max(0.0, time.monotonic() - due))

    def _count(self, seen: Operation, seconds: float) -> None:
        facts = seen.facts
        outcome = "failed" if seen.error else str(facts.get("outcome", "done"))
        match seen.kind:
            case Kind.AGENT:
                self._runs.labels(seen.name, outcome).inc()
                self._run_s.labels(seen.name).observe(seconds)
            case Kind.TOOL:
                self._tools.labels(seen.name, facts["risk"], outcome).inc()
                self._tool_s.labels(seen.name).observe(seconds)
            case Kind.MODEL:
                asked = facts["provider"], seen.name
                self._asked.labels(*asked, outcome).inc()
                self._ask_s.labels(*asked).observe(seconds)
                usage = facts.get("usage") or {}
                told = {"input": usage.get("input_tokens", 0), "output": usage.get("output_tokens", 0)}
                for direction, count in told.items():
                    self._tokens.labels(*asked, direction).inc(count)
                if seen.name in PRICES_USD:
                    prices = zip(told.values(), PRICES_USD[seen.name], strict=True)
                    self._cost.labels(*asked).inc(sum(count * price for count, price in prices) / 1_000_000)
