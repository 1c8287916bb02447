"""Whether the right passage is found, and whether the base knows what it does not know."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import retrieval
from knowledge_base.build import Shards, shards
from knowledge_base.chunks import cut
from knowledge_base.documents import Document, files, read
from knowledge_base.settings import SHIPPED, KnowledgeSettings

HERE = Path(__file__).parent
READERS = ("operator", "admin")
TODAY = date(2026, 1, 1)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """The shipped documents."""
    settings = KnowledgeSettings()
    return [read(path, settings, lang=lang) for path, lang in files(SHIPPED)]


@pytest.fixture(scope="module")
def index(documents: list[Document]) -> Shards:
    """The index of the shipped documents."""
    return shards([chunk for document in documents for chunk in cut(document, 1)])


def test_every_shipped_document_is_there_in_both_languages(documents: list[Document]) -> None:
    """The same ids, kinds and readers."""
    both = {
        lang: {d.about.id: (d.about.kind, d.about.audience) for d in documents if d.lang == lang}
        for lang in ("ru", "en")
    }
    assert len(both["ru"]) == 15
    assert both["ru"] == both["en"]


def _right(index: Shards, name: str) -> dict[bool, list[bool]]:
    right: dict[bool, list[bool]] = {True: [], False: []}
    for asked in yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8")):
        shard, known = index[asked["lang"]], asked["document"] is not None
        hits = shard.search(asked["question"], READERS, 5, TODAY)
        right[known].append((shard.confidence(asked["question"], hits) >= 0.5) == known)
    return right


@pytest.mark.parametrize("name", ["questions", "calibration"])
def test_the_base_knows_what_it_does_not_know(index: Shards, name: str) -> None:
    """Nine of ten are told right on both sides, also of questions that nothing was fitted on."""
    for told in _right(index, name).values():
        assert sum(told) >= 0.9 * len(told)


def test_the_right_document_comes_first(index: Shards) -> None:
    """For nine of ten questions that have one."""
    asked = [q for q in yaml.safe_load((HERE / "questions.yaml").read_text(encoding="utf-8")) if q["document"]]
    found = [index[q["lang"]].search(q["question"], READERS, 1, TODAY) for q in asked]
    right = sum(bool(hits) and hits[0].chunk.document_id == q["document"] for hits, q in zip(found, asked, strict=True))
    assert right >= 0.9 * len(asked)


async def test_answers_without_a_model_cite_the_right_document_or_none() -> None:
    """Of thirty questions nine of ten are answered from their document, of twenty others nine of ten declined."""
    figures = await retrieval.answers()
    assert figures["answered_rightly"] >= 0.9 * figures["with_answer"], figures
    assert figures["declined"] >= 0.9 * figures["without_answer"], figures


@pytest.mark.parametrize("query", ["забыл праоль", "принтир не пичатает", "сбросить пороль"])
def test_typos_are_forgiven(index: Shards, query: str) -> None:
    """Pieces of words find what whole words do not."""
    [hit] = index["ru"].search(query, [], 1, TODAY)
    assert hit.chunk.document_id in ("password-reset", "printer")


def test_the_benchmark_scores_as_trec_does(tmp_path: Path) -> None:
    """A data set in the benchmark's format gives figures between nothing and all, and the default is no worse."""
    texts = {"a": "the red router blinks", "b": "the printer jams paper", "c": "mail is over its quota"}
    rows: list[dict[str, Any]] = [{"t": "doc", "id": name, "text": text, "title": ""} for name, text in texts.items()]
    rows += [{"t": "q", "id": f"q{name}", "text": text.split()[2], "rel": {name: 1}} for name, text in texts.items()]
    path = tmp_path / "rag_tiny_en.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    figures = retrieval.measured(path)
    assert figures["hybrid"]["ndcg10"] >= figures["bm25"]["ndcg10"]
    assert figures["hybrid"]["recall10"] == 1.0
