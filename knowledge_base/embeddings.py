"""Vectors from an embedding model behind any OpenAI-compatible `/embeddings`, kept in an embedded Chroma."""

import asyncio
import math
from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from knowledge_base.chunks import Chunk
from knowledge_base.documents import EVERYONE
from knowledge_base.settings import KnowledgeSettings
from naryad.errors import NaryadError
from naryad.i18n import _

if TYPE_CHECKING:
    import httpx

_BATCH = 64
_NEAREST = 200


class Dense:
    """Embeds passages and questions, and finds the nearest passages that the reader may see."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self._settings = settings
        self._http: httpx.AsyncClient | None = None
        self._collection: Any = None

    async def prepare(self, chunks: Sequence[Chunk]) -> None:
        """Embed the passages that have no vector yet, and only then forget those that are gone.

        Raises:
            NaryadError: The model cannot be reached, or answers wrongly.
        """
        known = set((await asyncio.to_thread(self._open().get, include=[]))["ids"])
        names = {self._name(chunk): chunk for chunk in chunks}
        missing = [(name, chunk) for name, chunk in names.items() if name not in known]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            vectors = await self.embed(["\n".join((c.title, *c.path, c.text)) for _name, c in part])
            await asyncio.to_thread(
                self._open().add,
                ids=[name for name, _chunk in part],
                embeddings=vectors,
                metadatas=[_metadata(chunk) for _name, chunk in part],
            )
        gone = sorted(known - names.keys())
        for start in range(0, len(gone), 1000):
            await asyncio.to_thread(self._open().delete, ids=gone[start : start + 1000])

    async def search(self, query: str, lang: str, audience: Collection[str], today: date) -> dict[str, float]:
        """Cosines of the nearest passages by their ids; who may read them is part of the query.

        Raises:
            NaryadError: The model cannot be reached, or answers wrongly.
        """
        [vector] = await self.embed([query])
        readers: list[dict[str, Any]] = [{f"reader:{name}": True} for name in sorted({*audience, EVERYONE})]
        day = today.toordinal()
        where = {
            "$and": [
                {"lang": lang},
                {"from": {"$lte": day}},
                {"until": {"$gte": day}},
                {"$or": readers} if len(readers) > 1 else readers[0],
            ]
        }
        found = await asyncio.to_thread(
            self._open().query, query_embeddings=[vector], n_results=_NEAREST, where=where, include=["distances"]
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return {name.partition("@")[0]: 1 - float(distance) for name, distance in pairs}

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

    def _open(self) -> Any:
        if self._collection is None:
            try:
                import chromadb
                from chromadb.config import Settings
            except ImportError as error:
                raise NaryadError(_("Embeddings of a model need pip install 'naryad[chroma]'")) from error

            client = chromadb.PersistentClient(
                str(self._settings.vectors), settings=Settings(anonymized_telemetry=False)
            )
            model = "".join(letter if letter.isalnum() else "-" for letter in self._settings.embeddings_model)
            self._collection = client.get_or_create_collection(
                f"m-{model}-v"[:60], embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
        return self._collection

    @staticmethod
    def _name(chunk: Chunk) -> str:
        """The vector's id: whoever may read the passage is part of it, because it is part of what is kept."""
        return f"{chunk.id}@{'+'.join(sorted(chunk.audience))}@{chunk.valid_from or ''}@{chunk.valid_until or ''}"


def open_dense(settings: KnowledgeSettings) -> Dense | None:
    """The model's vectors, where the settings name a model."""
    return Dense(settings) if settings.embeddings == "http" else None


def _metadata(chunk: Chunk) -> dict[str, Any]:
    return {
        "lang": chunk.lang,
        "from": (chunk.valid_from or date.min).toordinal(),
        "until": (chunk.valid_until or date.max).toordinal(),
        **{f"reader:{name}": True for name in chunk.audience},
    }
