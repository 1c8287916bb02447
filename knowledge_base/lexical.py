"""BM25 over any units of text, as one sparse matrix."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_K1, _B = 1.5, 0.75


class BM25:
    """How well each text answers a query, term by term.

    Args:
        texts: The terms of each text with their counts; a count may be any weight.
    """

    def __init__(self, texts: Sequence[Counter[str]]) -> None:
        self.size = len(texts)
        self.terms: dict[str, int] = {}
        numbers = [self.terms.setdefault(term, len(self.terms)) for text in texts for term in text]
        columns = np.array(numbers, dtype=np.int32)
        counts = np.array([count for text in texts for count in text.values()], dtype=np.float32)
        rows = np.repeat(np.arange(self.size, dtype=np.int32), [len(text) for text in texts])
        length = np.bincount(rows, weights=counts, minlength=self.size)
        found = np.bincount(columns, minlength=len(self.terms))
        self.idf: Floats = np.log1p((self.size - found + 0.5) / (found + 0.5)).astype(np.float32)
        self._unseen = float(np.log1p((self.size + 0.5) / 0.5)) / 2
        norm = _K1 * (1 - _B + _B * length / (length.mean() if self.size else 1.0)).astype(np.float32)
        order = np.argsort(columns, kind="stable")
        self._rows, self.counts = rows[order], counts[order]
        self._starts = np.concatenate([[0], np.cumsum(found)])
        weight = self.idf[columns] * counts * (_K1 + 1) / (counts + norm[rows])
        self._weights: Floats = weight[order].astype(np.float32)

    def scores(self, query: Iterable[str]) -> Floats:
        """One score a text; a term that is asked for twice counts twice."""
        total = np.zeros(self.size, dtype=np.float32)
        for term, count in Counter(query).items():
            if (number := self.terms.get(term)) is not None:
                part = slice(self._starts[number], self._starts[number + 1])
                total[self._rows[part]] += count * self._weights[part]
        return total

    def coverage(self, query: Iterable[str], texts: Sequence[int]) -> float:
        """Which share of the query's weight these texts hold together; a term nobody ever wrote counts as half rare."""
        asked = have = 0.0
        for term in set(query):
            number = self.terms.get(term)
            weight = self._unseen if number is None else float(self.idf[number])
            asked += weight
            if number is not None:
                rows = self._rows[self._starts[number] : self._starts[number + 1]]
                have += weight * bool(np.isin(texts, rows).any())
        return have / asked if asked else 0.0

    @property
    def postings(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        """Text, term and count of everything that occurs, in the order of terms."""
        return self._rows, np.repeat(np.arange(len(self.terms), dtype=np.int32), np.diff(self._starts)), self.counts
