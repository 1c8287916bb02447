"""The index of one language: built once, never changed, replaced as a whole.

A passage's score is a weighted sum of three looks at it, each brought to the scale 0…1: BM25 over terms, BM25 over
pieces of words (typos, inflections, compounds), and the cosine of dense vectors. The weights were chosen on the titles
and abstracts of one body of help pages and confirmed on others: see `docs/knowledge.md` and `bench/retrieval.py`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np
from numpy.typing import NDArray

from knowledge_base import analysis
from knowledge_base.answer import BELIEVED
from knowledge_base.chunks import Chunk
from knowledge_base.documents import EVERYONE
from knowledge_base.latent import Latent
from knowledge_base.lexical import BM25, Floats

PIECES, LATENT, MODEL = 1.0, 0.5, 1.5
_TITLE = 3
_BIAS, _WEIGHT = -3.25, 6.5


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found; its score only orders."""

    chunk: Chunk
    score: float


class Shard:
    """The passages of one language and how to find them."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = list(chunks)
        heads = [f"{chunk.title} {' '.join(chunk.path)}" for chunk in self.chunks]
        texts = [f"{chunk.text} {chunk.asked}" for chunk in self.chunks]
        self.words = BM25(list(map(partial(_counted, analysis.terms), heads, texts)))
        self.pieces = BM25(list(map(partial(_counted, analysis.pieces), heads, texts)))
        self.latent = Latent(self.words) if len(self.chunks) > 2 else None
        readers = {name for chunk in self.chunks for name in chunk.audience}
        self._readers = {name: np.array([name in chunk.audience for chunk in self.chunks]) for name in readers}
        self._from = np.array([(c.valid_from or date.min).toordinal() for c in self.chunks], dtype=np.int64)
        self._until = np.array([(c.valid_until or date.max).toordinal() for c in self.chunks], dtype=np.int64)
        self.place = {chunk.id: number for number, chunk in enumerate(self.chunks)}

    def allowed(self, audience: Collection[str], today: date) -> NDArray[np.bool_]:
        """Which passages these readers may see today."""
        mask = np.zeros(len(self.chunks), dtype=bool)
        for name in {*audience, EVERYONE}:
            if name in self._readers:
                mask |= self._readers[name]
        day = today.toordinal()
        return mask & (self._from <= day) & (day <= self._until)

    def search(
        self, query: str, audience: Collection[str], k: int, today: date, dense: dict[str, float] | None = None
    ) -> list[Hit]:
        """The best passages among those that may be read: what may not be never takes a place or sets a scale.

        Args:
            query: The question.
            audience: What the reader is.
            k: At most so many.
            today: Decides what is in force.
            dense: Cosines by passage from an embedding model; the shard's own latent vectors when None.
        """
        rows = np.flatnonzero(self.allowed(audience, today))
        told = analysis.telling(query)
        terms, pieces = analysis.terms(told), analysis.pieces(told)
        if not len(rows) or not terms:
            return []
        lexical = self.words.scores(terms)[rows]
        cosines = self._cosines(terms, dense)[rows]
        weight = LATENT if dense is None else MODEL
        total = _scaled(lexical) + PIECES * _scaled(self.pieces.scores(pieces)[rows]) + weight * cosines
        order = np.argsort(-total, kind="stable")[:k]
        return [Hit(self.chunks[rows[at]], float(total[at])) for at in order if total[at] > 0]

    def _cosines(self, terms: list[str], dense: dict[str, float] | None) -> Floats:
        if dense is None:
            return np.maximum(self.latent.scores(terms), 0) if self.latent else np.zeros(len(self.chunks), np.float32)
        scores = np.zeros(len(self.chunks), dtype=np.float32)
        floor = min(dense.values(), default=0.0)  # models crowd their cosines into a narrow band near 1
        for name, cosine in dense.items():
            if (row := self.place.get(name)) is not None:
                scores[row] = cosine - floor
        return _scaled(scores)

    def confidence(self, query: str, hits: Sequence[Hit]) -> float:
        """How likely the document of the best passage answers the question, 0…1.

        A logistic model of how much of what the question is about stands in the best of its passages, rare words
        first. Fitted on `tests/knowledge_base/calibration.yaml`.
        """
        if not hits:
            return 0.0
        best = hits[0].chunk.document_id
        rows = [self.place[hit.chunk.id] for hit in hits[:BELIEVED] if hit.chunk.document_id == best]
        share = self.words.coverage(analysis.terms(analysis.subject(query)), rows)
        return float(1 / (1 + np.exp(-(_BIAS + _WEIGHT * share))))


def _counted(split: Callable[[str], list[str]], head: str, text: str) -> Counter[str]:
    counts = Counter(split(text))
    for term in split(head):
        counts[term] += _TITLE
    return counts


def _scaled(scores: Floats) -> Floats:
    top = scores.max()
    scaled: Floats = scores / top if top > 0 else scores
    return scaled
