"""Dense vectors that the base teaches itself: latent semantic analysis.

Nothing is downloaded and every language works alike. Words that occur in the same company come near each other, so a
text is found by what it is about and not only by its words.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

from knowledge_base.lexical import BM25, Floats

_DIMENSIONS, _SPARE, _ROUNDS = 200, 20, 3


class Latent:
    """A vector a text, of unit length, and the way from a query to one."""

    def __init__(self, lexical: BM25) -> None:
        rows, columns, counts = lexical.postings
        self._lexical = lexical
        shape = (lexical.size, len(lexical.terms))
        values = (1 + np.log(np.maximum(counts, 1))) * lexical.idf[columns]
        lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=lexical.size))
        matrix = csr_matrix((values / np.maximum(lengths, 1e-9)[rows], (rows, columns)), shape=shape)
        wanted = max(1, min(_DIMENSIONS, lexical.size // 3, len(lexical.terms) - 1))
        # A random projection, sharpened by power iterations: as good as an exact SVD here, and many times quicker.
        start = np.random.default_rng(0).standard_normal((shape[1], wanted + _SPARE))
        basis = np.linalg.qr(matrix @ start)[0]
        for _round in range(_ROUNDS):
            basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]
        left, strength, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
        self._terms: Floats = right[:wanted].T.astype(np.float32)
        self.vectors: Floats = _unit((basis @ left[:, :wanted]) * strength[:wanted]).astype(np.float32)

    def scores(self, query: Iterable[str]) -> Floats:
        """The cosine of each text with the query."""
        vector = np.zeros(self._terms.shape[1], dtype=np.float32)
        for term, count in Counter(query).items():
            if (number := self._lexical.terms.get(term)) is not None:
                vector += count * self._lexical.idf[number] * self._terms[number]
        scores: Floats = self.vectors @ _unit(vector[None])[0]
        return scores


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, 1e-9)
    return unit
