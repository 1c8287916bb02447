"""Vectors from an embedding model behind any OpenAI-compatible `/embeddings`."""

import math
import re
from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING

from knowledge_base.chunks import Chunk
from knowledge_base.settings import KnowledgeSettings
from knowledge_base.vectors import Vectors, open_vectors
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.i18n import _

if TYPE_CHECKING:
    import httpx

_BATCH = 64
_PROBE = "naryad"
"""What tells how long the model's vectors are."""


class Dense:
    """Embeds passages and questions, and finds the nearest passages that the reader may see."""

    def __init__(self, settings: KnowledgeSettings, vectors: Vectors) -> None:
        self._settings, self._vectors = settings, vectors
        self._http: httpx.AsyncClient | None = None

    async def prepare(self, chunks: Sequence[Chunk]) -> None:
        """Embed the passages that have no vector yet, and only then forget those that are gone.

        Raises:
            NaryadError: The model or the vectors cannot be reached, or the model answers wrongly.
        """
        names = {self._name(chunk): chunk for chunk in chunks}
        [probe] = await self.embed([_PROBE])
        space = self._space(probe)
        known = await self._vectors.names(space)
        missing = [(name, chunk) for name, chunk in names.items() if name not in known]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            vectors = await self.embed(["\n".join((c.title, *c.path, c.text)) for _name, c in part])
            await self._vectors.add(space, dict(part), vectors)
        await self._vectors.forget(space, sorted(known - names.keys()))

    async def search(self, query: str, lang: str, audience: Collection[str], today: date) -> dict[str, float]:
        """Cosines of the nearest passages by their ids; who may read them is part of the query.

        Raises:
            NaryadError: The model or the vectors cannot be reached, or the model answers wrongly.
        """
        [vector] = await self.embed([query])
        found = await self._vectors.nearest(self._space(vector), vector, lang, audience, today)
        return {name.partition("@")[0]: cosine for name, cosine in found.items()}

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text.

        Raises:
            NaryadError: The model cannot be reached, or answers wrongly.
        """
        import httpx

        settings = self._settings
        if self._http is None:
            key = settings.embeddings_key
            headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
            self._http = httpx.AsyncClient(timeout=settings.embeddings_timeout_s, headers=headers)
        try:
            reply = await self._http.post(
                f"{settings.embeddings_url.rstrip('/')}/embeddings",
                json={"model": settings.embeddings_model, "input": list(texts), "encoding_format": "float"},
            )
            reply.raise_for_status()
            rows = sorted(reply.json()["data"], key=lambda row: int(row["index"]))
            vectors = [[float(number) for number in row["embedding"]] for row in rows]
        except httpx.HTTPStatusError as error:
            raise NaryadError(_("The embedding model answers {code}").format(code=error.response.status_code)) from None
        except httpx.HTTPError as error:
            raise NaryadError(
                _("The embedding model does not answer: {why}").format(why=type(error).__name__)
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise NaryadError(_("The embedding model's answer makes no sense")) from error
        sound = len(vectors) == len(texts) and len({len(vector) for vector in vectors}) == 1
        if not sound or not all(math.isfinite(number) for vector in vectors for number in vector):
            raise NaryadError(_("The embedding model's answer makes no sense"))
        return vectors

    async def close(self) -> None:
        """Give back the connection."""
        if self._http is not None:
            await self._http.aclose()

    def _space(self, vector: Sequence[float]) -> str:
        """Vectors of another model, or of another length, are of another space."""
        model = re.sub("[^a-zA-Z0-9]+", "-", self._settings.embeddings_model).strip("-")
        return f"m-{model[-40:]}-{len(vector)}"

    @staticmethod
    def _name(chunk: Chunk) -> str:
        """The vector's id: whoever may read the passage is part of it, because it is part of what is kept."""
        return f"{chunk.id}@{'+'.join(sorted(chunk.audience))}@{chunk.valid_from or ''}@{chunk.valid_until or ''}"


def open_dense(settings: KnowledgeSettings, database: Database) -> Dense | None:
    """The model's vectors, where the settings name a model."""
    return Dense(settings, open_vectors(settings, database)) if settings.embeddings == "http" else None
