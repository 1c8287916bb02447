"""What is counted of this process; what the database knows is asked when somebody looks."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from naryad.llm.prices import Prices
from naryad.observability import Kind, Operation
from server.metrics.versions import AgentVersion

LAG_EVERY_S = 0.5
RESULTS = 20
"""Most results of an agent that are told apart: they are words of its graph, which may be somebody's plugin."""
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_WHO = ("agent", "version")
_ENDS = {"CancelledError": "cancelled"}
"""Errors that are none: somebody, or the end of the process, ended it."""


class Meters:
    """The counters of one process, on a registry of their own; `watch` fills them.

    Args:
        prices: What the models cost; None where nobody said.

    Attributes:
        versions: What each agent is made of.
    """

    def __init__(self, prices: Prices | None = None) -> None:
        self.registry = CollectorRegistry()
        self._prices = prices
        self.versions: Mapping[str, AgentVersion] = {}
        self._results: defaultdict[str, set[str]] = defaultdict(set)
        ProcessCollector(registry=self.registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"naryad_{name}", text, labels, registry=self.registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            name = f"naryad_{name}_duration_seconds"
            return Histogram(name, text, labels, registry=self.registry, buckets=_SECONDS)

        self.requests = counter("http_requests", "HTTP requests.", "method", "route", "status")
        self.request_s = seconds(
            "http_request", "Until the whole answer was sent; a stream lives long.", "method", "route"
        )
        self._runs = counter("runs", "Legs of runs: to the end, to a question, or broken.", *_WHO, "outcome")
        self._run_s = seconds("run", "One leg of a run.", *_WHO)
        self._ends = counter("run_results", "Finished runs, by what the agent made of it.", *_WHO, "result")
        self._errors = counter("run_errors", "Broken legs of runs, by the kind of error.", *_WHO, "error")
        self._degraded = counter("runs_degraded", "Legs of runs that no model answered.", *_WHO)
        self._asked = counter("llm_requests", "Attempts at a model.", *_WHO, "provider", "model", "outcome")
        self._ask_s = seconds("llm_request", "One attempt at a model, to its last token.", "provider", "model")
        self._tokens = counter("llm_tokens", "Tokens.", *_WHO, "provider", "model", "direction")
        self._cost = counter("llm_cost", "Cost by the prices in prices.yaml.", *_WHO, "provider", "model", "currency")
        self._tools = counter("tool_calls", "Tools that were run.", *_WHO, "tool", "risk", "outcome")
        self._tool_s = seconds("tool", "One run of a tool.", "tool")
        self._about = Gauge(
            "naryad_agent_info",
            "Always 1: what an agent is made of.",
            [*_WHO, "release", "models"],
            registry=self.registry,
        )
        self._lag = Gauge(
            "naryad_event_loop_lag_seconds", "How late the event loop woke a sleeper last.", registry=self.registry
        )

    def know(self, versions: Mapping[str, AgentVersion]) -> None:
        """Take the agents' versions: each agent has its series from the beginning, so that a rate sees the first."""
        self.versions = versions
        for agent, made in versions.items():
            who = self._who(agent)
            self._about.labels(*who, made.release, made.models).set(1)
            self._degraded.labels(*who)
            for outcome in ("waiting", "finished", "failed", "cancelled"):
                self._runs.labels(*who, outcome)

    @contextmanager
    def watch(self, seen: Operation) -> Iterator[None]:
        """Count an operation at its end."""
        began = time.monotonic()
        try:
            yield
        finally:
            if not seen.aside:
                self._count(seen, time.monotonic() - began)

    async def lag(self) -> None:
        """Measure how busy the event loop is; never ends."""
        while True:
            due = time.monotonic() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.set(max(0.0, time.monotonic() - due))

    def version(self, agent: str) -> str:
        """The digest of what an agent is made of; empty where that is not known."""
        known = self.versions.get(agent)
        return known.digest if known else ""

    def _who(self, agent: str) -> tuple[str, str]:
        return agent, self.version(agent)

    def _count(self, seen: Operation, seconds: float) -> None:
        facts, who = seen.facts, self._who(seen.agent)
        outcome = _ENDS.get(seen.error, "failed") if seen.error else str(facts.get("outcome", "done"))
        match seen.kind:
            case Kind.AGENT:
                self._run(seen, who, outcome, seconds)
            case Kind.TOOL:
                self._tools.labels(*who, seen.name, facts["risk"], outcome).inc()
                self._tool_s.labels(seen.name).observe(seconds)
            case Kind.MODEL:
                asked = facts["provider"], seen.name
                self._asked.labels(*who, *asked, outcome).inc()
                self._ask_s.labels(*asked).observe(seconds)
                self._usage(who, asked, facts.get("usage") or {})

    def _run(self, seen: Operation, who: tuple[str, str], outcome: str, seconds: float) -> None:
        self._runs.labels(*who, outcome).inc()
        self._run_s.labels(*who).observe(seconds)
        if seen.facts.get("degraded"):
            self._degraded.labels(*who).inc()
        if outcome == "failed":
            self._errors.labels(*who, seen.error).inc()
        elif outcome == "finished":
            result, known = str(seen.facts.get("result") or "none"), self._results[seen.agent]
            if len(known) < RESULTS:
                known.add(result)
            self._ends.labels(*who, result if result in known else "other").inc()

    def _usage(self, who: tuple[str, str], asked: tuple[str, str], usage: Mapping[str, Any]) -> None:
        tokens_in, tokens_out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        self._tokens.labels(*who, *asked, "input").inc(tokens_in)
        self._tokens.labels(*who, *asked, "output").inc(tokens_out)
        if self._prices and (cost := self._prices.cost(asked[1], tokens_in, tokens_out)):
            self._cost.labels(*who, *asked, self._prices.currency).inc(float(cost))
