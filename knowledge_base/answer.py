"""What a search gives: passages with their sources, and an answer in their own words when no model writes one."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from pydantic import BaseModel

from knowledge_base import analysis
from knowledge_base.chunks import sentences

if TYPE_CHECKING:
    from knowledge_base.shard import Hit, Shard

BELIEVED = 5
"""So many of the best passages tell whether the base knows."""
_LONGEST = 700


class Passage(BaseModel):
    """A passage and where it stands; `score` orders the passages of one search and means nothing else."""

    id: str
    document_id: str
    lang: str
    version: int
    kind: str
    title: str
    path: tuple[str, ...]
    text: str
    score: float


class Answer(BaseModel):
    """What the base says to a question.

    Attributes:
        known: Whether the base holds the answer; a `False` should be said to the reader.
        confidence: How likely it does, 0…1.
        text: Sentences of the best passage, as they stand there; empty when it is not known.
        passages: The best passages; the text comes from the first.
    """

    known: bool
    confidence: float
    text: str
    passages: list[Passage]


def passage(hit: "Hit") -> Passage:
    """A hit as the outside sees it."""
    chunk = hit.chunk
    return Passage(
        id=chunk.id, document_id=chunk.document_id, lang=chunk.lang, version=chunk.version, kind=chunk.kind,
        title=chunk.title, path=chunk.path, text=chunk.text, score=round(hit.score, 4),
    )  # fmt: skip


def extracted(shard: "Shard", query: str, hits: Sequence["Hit"]) -> str:
    """The stretch of the best passage that holds most of what was asked, and as much of what follows as fits."""
    found = sentences(hits[0].chunk.text) or [hits[0].chunk.text]
    asked = set(analysis.terms(analysis.telling(query)))
    terms, idf = shard.words.terms, shard.words.idf
    worth = [
        sum(float(idf[terms[one]]) for one in asked.intersection(analysis.terms(sentence)) if one in terms)
        for sentence in found
    ]
    stretches = [_stretch(found, start) for start in range(len(found))]
    best = max(range(len(found)), key=lambda start: sum(worth[start : start + stretches[start]]))
    return "\n".join(found[best : best + stretches[best]])


def _stretch(found: Sequence[str], start: int) -> int:
    """How many sentences fit, one at least."""
    lengths = accumulate(len(sentence) + 1 for sentence in found[start:])
    return max(1, sum(length < _LONGEST for length in lengths))
