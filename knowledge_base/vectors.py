"""Where the vectors of an embedding model are kept: in Chroma, embedded or a server, or in PostgreSQL with pgvector."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from knowledge_base.chunks import Chunk
from knowledge_base.documents import EVERYONE
from knowledge_base.settings import KnowledgeSettings
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.i18n import _

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

T = TypeVar("T")
NEAREST = 200
Vector = Sequence[float]


class Vectors(Protocol):
    """Keeps vectors under names, each space for itself: those of another model, or of another length, never meet.

    Every method raises `NaryadError` where the place does not answer.
    """

    async def names(self, space: str) -> set[str]:
        """Everything that is kept."""
        ...

    async def add(self, space: str, chunks: Mapping[str, Chunk], vectors: Sequence[Vector]) -> None:
        """Keep the vectors of passages; one that is there already stays."""
        ...

    async def forget(self, space: str, names: Sequence[str]) -> None:
        """Keep them no longer."""
        ...

    async def nearest(
        self, space: str, vector: Vector, lang: str, audience: Collection[str], today: date
    ) -> dict[str, float]:
        """Cosines of the nearest by their names; who may read them is part of the query."""
        ...


class Chroma:
    """Chroma in a folder of ours, or behind a URL."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self._settings = settings
        self._client: ClientAPI | None = None

    async def names(self, space: str) -> set[str]:
        """Everything that is kept."""
        return set((await self._done(space, lambda kept: kept.get(include=[])))["ids"])

    async def add(self, space: str, chunks: Mapping[str, Chunk], vectors: Sequence[Vector]) -> None:
        """Keep the vectors of passages."""
        metadatas = [_metadata(chunk) for chunk in chunks.values()]
        await self._done(
            space, lambda kept: kept.upsert(ids=list(chunks), embeddings=list(vectors), metadatas=metadatas)
        )

    async def forget(self, space: str, names: Sequence[str]) -> None:
        """Keep them no longer."""
        for start in range(0, len(names), 1000):
            part = names[start : start + 1000]
            await self._done(space, lambda kept, part=part: kept.delete(ids=list(part)))  # type: ignore[misc]

    async def nearest(
        self, space: str, vector: Vector, lang: str, audience: Collection[str], today: date
    ) -> dict[str, float]:
        """Cosines of the nearest by their names."""
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
        found = await self._done(
            space,
            lambda kept: kept.query(query_embeddings=[vector], n_results=NEAREST, where=where, include=["distances"]),
        )
        return {name: 1 - float(far) for name, far in zip(found["ids"][0], found["distances"][0], strict=True)}

    async def _done(self, space: str, work: Callable[[Any], T]) -> T:
        return await asyncio.to_thread(self._work, space, work)

    def _work(self, space: str, work: Callable[[Any], T]) -> T:
        try:
            from chromadb.errors import ChromaError
        except ImportError as error:
            raise NaryadError(_("Embeddings of a model need pip install 'naryad[chroma]'")) from error
        import httpx

        try:
            self._client = self._client or self._open()
            kept = self._client.get_or_create_collection(
                space, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
            return work(kept)
        except (ChromaError, ValueError, OSError, httpx.HTTPError) as error:
            self._client = None
            why = type(error).__name__
            raise NaryadError(_("The vectors cannot be read or written: {why}").format(why=why)) from error

    def _open(self) -> "ClientAPI":
        import chromadb
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False)
        url = urlsplit(self._settings.vectors_at)
        if not url.hostname:
            return chromadb.PersistentClient(str(self._settings.vectors), settings=quiet)
        secure = url.scheme == "https"
        return chromadb.HttpClient(url.hostname, url.port or (443 if secure else 8000), secure, settings=quiet)


def open_vectors(settings: KnowledgeSettings, database: Database) -> Vectors:
    """Where the settings want them kept."""
    if settings.vectors_at == "database":
        from knowledge_base.pgvector import PgVector

        return PgVector(database)
    return Chroma(settings)


def _metadata(chunk: Chunk) -> dict[str, Any]:
    return {
        "lang": chunk.lang,
        "from": (chunk.valid_from or date.min).toordinal(),
        "until": (chunk.valid_until or date.max).toordinal(),
        **{f"reader:{name}": True for name in chunk.audience},
    }
