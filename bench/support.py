"""How well and how fast Support answers without a model: the questions of the tests, each through the whole graph.

Each question begins a conversation of its own. One that the base answers counts as right when the reply cites the right
document first; one that it does not, when the reply says so and offers a ticket or a person.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

import structlog
import yaml

from agents.registry import open_crew
from naryad.auth import local_person
from naryad.events import EventType
from naryad.settings import Settings

QUESTIONS = Path(__file__).parents[1] / "tests" / "knowledge_base" / "questions.yaml"


def run() -> dict[str, Any]:
    """Shares of right answers and of honest refusals, and seconds from the question to the reply."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for the figures
    with tempfile.TemporaryDirectory(prefix="naryad-bench-", dir=Path.home()) as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(home: Path) -> dict[str, Any]:
    asked = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    cited, declined, taken, wrong = list[bool](), list[bool](), list[float](), list[str]()
    async with open_crew(Settings(NARYAD_HOME=home, NARYAD_MODEL="none")) as crew:
        await crew.knowledge.pull()
        await crew.knowledge.refresh()
        for number, one in enumerate(asked):
            begun = time.perf_counter()
            await crew.runs.submit(f"bench-{number}", "support", local_person().id, {"text": one["question"]})
            taken.append(time.perf_counter() - begun)
            reply = await crew.runtime.events.last(f"bench-{number}", EventType.MESSAGE)
            told = reply.data if reply else {}
            first = next((source["document"] for source in told.get("sources", [])), None)
            right = first == one["document"] and (first is not None or told.get("outcome") == "unknown")
            (cited if one["document"] else declined).append(right)
            if not right:
                wrong.append(f"{one['question']}: {first or told.get('outcome')}")
    return {
        "right_document_cited": f"{sum(cited)}/{len(cited)}",
        "honestly_declined": f"{sum(declined)}/{len(declined)}",
        "wrong": wrong,
        "mean_s": round(mean(taken), 3),
        "p50_s": round(median(taken), 3),
        "p95_s": round(quantiles(taken, n=20)[-1], 3),
    }
