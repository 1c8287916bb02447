"""How well, how fast and how steadily the knowledge base finds.

On `rag_*.jsonl.gz` (documents, questions and which answers which) where they are at hand, else on the shipped
documents alone; then the fifty questions to the shipped documents, half of them unanswerable, are answered without a
model; then the shipped index is replaced by one of two thousand documents while questions keep coming.
The weights of the default were chosen on other data than these: titles and abstracts of help pages.
"""

import asyncio
import gzip
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import structlog
import yaml

from knowledge_base import analysis
from knowledge_base.base import KnowledgeBase
from knowledge_base.chunks import Chunk
from knowledge_base.lexical import Floats
from knowledge_base.settings import KnowledgeSettings
from knowledge_base.shard import Shard
from naryad.db import migrate
from naryad.db.session import Database

DATA = Path(__file__).parents[2] / "shared" / "data"
QUESTIONS = Path(__file__).parents[1] / "tests" / "knowledge_base" / "questions.yaml"
DOCUMENTS, PER_SECOND, IDLE_S = 2000, 50, 5
_TODAY = date(2026, 1, 1)
Ranker = Callable[[str], Sequence[str]]


def run(data: Path = DATA) -> dict[str, Any]:
    """Quality and time on each data set, and the time of answers during a rebuild."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for the figures
    quality = {path.name.split(".")[0]: measured(path) for path in sorted(data.glob("rag_*.jsonl.gz"))}
    return {"quality": quality, "answers": asyncio.run(answers()), "rebuild": asyncio.run(_rebuild())}


def measured(path: Path) -> dict[str, Any]:
    """nDCG@10, recall@10 and milliseconds a question: BM25 alone, dense alone, both by rank, and the default."""
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    documents, questions = ([row for row in rows if row["t"] == kind] for kind in ("doc", "q"))
    begun = time.perf_counter()
    shard = Shard([_chunk(row) for row in documents])
    built = time.perf_counter() - begun
    names = [row["id"] for row in documents]

    def best(scores: Floats) -> list[str]:
        return [names[at] for at in np.argsort(-scores, kind="stable")[:10]]

    def terms(query: str) -> list[str]:
        return analysis.terms(analysis.telling(query))

    def dense(query: str) -> Floats:
        return shard.latent.scores(terms(query)) if shard.latent else np.zeros(len(names), np.float32)

    def fused(query: str) -> Floats:
        looks = (shard.words.scores(terms(query)), dense(query))
        ranks = np.array([np.argsort(np.argsort(-scores, kind="stable"), kind="stable") for scores in looks])
        total: Floats = (1 / (61 + ranks)).sum(axis=0).astype(np.float32)
        return total

    rankers: dict[str, Ranker] = {
        "bm25": lambda query: best(shard.words.scores(terms(query))),
        "dense": lambda query: best(dense(query)),
        "bm25_and_dense_by_rank": lambda query: best(fused(query)),
        "hybrid": lambda query: [hit.chunk.document_id for hit in shard.search(query, (), 10, _TODAY)],
    }
    rate = round(len(documents) / built, 1)
    return {"documents": len(documents), "questions": len(questions), "indexed_per_s": rate} | {
        name: _scored(questions, ranker) for name, ranker in rankers.items()
    }


def _chunk(row: dict[str, Any]) -> Chunk:
    name = row["id"]
    return Chunk(name, name, "ru", 1, "faq", row.get("title") or "", (), row["text"], "", ("everyone",), None, None)


def _scored(questions: Sequence[dict[str, Any]], ranker: Ranker) -> dict[str, float]:
    gains, recalls, taken = [], [], []
    for question in questions:
        begun = time.perf_counter()
        found = ranker(question["text"])
        taken.append((time.perf_counter() - begun) * 1000)
        relevant = question["rel"]
        gain = sum((2 ** relevant.get(name, 0) - 1) / math.log2(at + 2) for at, name in enumerate(found))
        ideal = sum((2**g - 1) / math.log2(at + 2) for at, g in enumerate(sorted(relevant.values(), reverse=True)[:10]))
        gains.append(gain / ideal)
        recalls.append(len(set(found) & set(relevant)) / len(relevant))
    mean = {"ndcg10": sum(gains) / len(gains), "recall10": sum(recalls) / len(recalls)}
    return {name: round(value, 4) for name, value in mean.items()} | _times(taken)


def _times(taken: Sequence[float]) -> dict[str, float]:
    return {"p50_ms": round(median(taken), 2), "p95_ms": round(quantiles(taken, n=20)[-1], 2)}


async def answers() -> dict[str, Any]:
    """How many questions are answered from the right document, and how many without an answer are declined."""
    asked = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    right, wrong = {True: 0, False: 0}, []
    async with _shipped() as (base, _folder):
        for one in asked:
            answer = await base.answer(one["question"], ("operator", "admin"))
            cited = answer.passages[0].document_id if answer.known else None
            right[one["document"] is not None] += cited == one["document"]
            wrong += [one["question"]] if cited != one["document"] else []
    known = sum(one["document"] is not None for one in asked)
    return {
        "answered_rightly": right[True],
        "with_answer": known,
        "declined": right[False],
        "without_answer": len(asked) - known,
        "wrong": wrong,
    }


@asynccontextmanager
async def _shipped() -> AsyncIterator[tuple[KnowledgeBase, str]]:
    """A base of the shipped documents, and a folder."""
    with tempfile.TemporaryDirectory(prefix="naryad-bench-") as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/naryad.db", power_safe=False)
        await migrate.upgrade(database)
        base = KnowledgeBase(database, KnowledgeSettings())
        await base.pull()
        await base.refresh()
        yield base, folder
        await database.close()


async def _rebuild() -> dict[str, Any]:
    async with _shipped() as (base, folder):
        words = sorted({w for row in await base.store.current() for w in analysis.words(row.text)})
        await _give(base, Path(folder), words, 1)
        await base.refresh()
        idle = await _asked(base, asyncio.create_task(asyncio.sleep(IDLE_S)))
        begun = time.perf_counter()
        await _give(base, Path(folder), words, 2)
        ingested = time.perf_counter() - begun
        begun = time.perf_counter()
        busy = await _asked(base, asyncio.create_task(base.refresh()))
        rebuilt = time.perf_counter() - begun
    ratio = round(busy["p95_ms"] / idle["p95_ms"], 2)
    return {
        "documents": DOCUMENTS,
        "ingested_per_s": round(DOCUMENTS / ingested, 1),
        "rebuilt_s": round(rebuilt, 2),
    } | {"idle": idle, "during": busy, "p95_ratio": ratio}


async def _give(base: KnowledgeBase, folder: Path, words: Sequence[str], version: int) -> None:
    """Two thousand documents of about a hundred words, every one new or changed."""
    chance = random.Random(version)
    (folder / "ru").mkdir(exist_ok=True)
    for number in range(DOCUMENTS):
        head = f"id: made-{number}\ntitle: Made of {chance.choice(words)}"
        text = f"---\n{head}\n---\n{' '.join(chance.choices(words, k=100))}\n"
        (folder / "ru" / f"made-{number}.md").write_text(text, encoding="utf-8")
    await base.ingest([folder], "local:bench")


async def _asked(base: KnowledgeBase, until: "asyncio.Task[Any]") -> dict[str, Any]:
    """Questions at a steady rate until something is over, each begun in time whether or not the one before is done."""
    questions = ["как сбросить пароль", "принтер не печатает", "vpn does not connect", "restore a deleted file"]
    taken: list[float] = []
    empty = failed = 0

    async def one(number: int) -> None:
        nonlocal empty, failed
        begun = time.perf_counter()
        try:
            found = await base.search(questions[number % len(questions)], ())
        except Exception:  # the figure is how many fail, whatever the reason
            failed += 1
        else:
            empty += not found
            taken.append((time.perf_counter() - begun) * 1000)

    tasks: list[asyncio.Task[None]] = []
    while not until.done() or len(tasks) < 2 * PER_SECOND:
        tasks.append(asyncio.create_task(one(len(tasks))))
        await asyncio.sleep(1 / PER_SECOND)
    await asyncio.gather(until, *tasks)
    return {"questions": len(tasks), "failed": failed, "empty": empty, **_times(taken)}
