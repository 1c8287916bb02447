"""Vectors in the company's own PostgreSQL, by its extension pgvector.

Every search looks at every vector that the reader may see: an index of pgvector filters only after it has looked, so
that a reader of few documents could be left with none.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from knowledge_base.chunks import Chunk
from knowledge_base.documents import EVERYONE
from knowledge_base.vectors import NEAREST, Vector
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.i18n import _

T = TypeVar("T")
_LOCK = "knowledge-vectors"
# The table is no migration: most installs have no pgvector, and a migration would fail there.
_SET_UP = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    """CREATE TABLE IF NOT EXISTS knowledge_vector (
        space text, name text, lang text NOT NULL, valid_from date NOT NULL, valid_until date NOT NULL,
        readers text[] NOT NULL, embedding vector NOT NULL, PRIMARY KEY (space, name))""",
)
_ADD = text(
    """INSERT INTO knowledge_vector VALUES
    (:space, :name, :lang, :valid_from, :valid_until, :readers, CAST(:embedding AS vector)) ON CONFLICT DO NOTHING"""
)
_NEAREST = text(
    # MATERIALIZED: vectors of other lengths must be gone before any is compared
    """WITH mine AS MATERIALIZED (
        SELECT name, embedding FROM knowledge_vector WHERE space = :space AND lang = :lang
        AND valid_from <= :today AND valid_until >= :today AND readers && CAST(:readers AS text[]))
    SELECT name, 1 - (embedding <=> CAST(:vector AS vector)) FROM mine
    ORDER BY embedding <=> CAST(:vector AS vector) LIMIT :most"""
)


class PgVector:
    """The vectors of one database; see `Vectors`."""

    def __init__(self, database: Database) -> None:
        self._database, self._ready = database, False

    async def names(self, space: str) -> set[str]:
        """Everything that is kept."""
        rows = await self._read("SELECT name FROM knowledge_vector WHERE space = :space", {"space": space})
        return {row[0] for row in rows}

    async def add(self, space: str, chunks: Mapping[str, Chunk], vectors: Sequence[Vector]) -> None:
        """Keep the vectors of passages; one that is there already stays."""
        rows = [
            {
                "space": space,
                "name": name,
                "lang": chunk.lang,
                "valid_from": chunk.valid_from or date.min,
                "valid_until": chunk.valid_until or date.max,
                "readers": list(chunk.audience),
                "embedding": _written(vector),
            }
            for (name, chunk), vector in zip(chunks.items(), vectors, strict=True)
        ]
        await self._done(lambda session: session.connection().execute(_ADD, rows))

    async def forget(self, space: str, names: Sequence[str]) -> None:
        """Keep them no longer."""
        query = text("DELETE FROM knowledge_vector WHERE space = :space AND name = ANY(:names)")
        await self._done(lambda session: session.connection().execute(query, {"space": space, "names": list(names)}))

    async def nearest(
        self, space: str, vector: Vector, lang: str, audience: Collection[str], today: date
    ) -> dict[str, float]:
        """Cosines of the nearest by their names."""
        rows = await self._read(
            _NEAREST.text,
            {
                "space": space,
                "lang": lang,
                "today": today,
                "readers": sorted({*audience, EVERYONE}),
                "vector": _written(vector),
                "most": NEAREST,
            },
        )
        return {name: float(cosine) for name, cosine in rows}

    async def _read(self, query: str, given: dict[str, Any]) -> list[Any]:
        return await self._done(lambda session: list(session.connection().execute(text(query), given)))

    async def _done(self, work: Callable[[Session], T]) -> T:
        def run(session: Session) -> T:
            if not self._ready:
                self._database.hold(session, _LOCK)  # two processes at once would both create it, and one would fail
                for statement in _SET_UP:
                    session.connection().exec_driver_sql(statement)
            return work(session)

        if self._database.sqlite:
            raise NaryadError(_("Vectors in the database need PostgreSQL with the extension pgvector."))
        try:
            found = await self._database.transact(run)
        except SQLAlchemyError as error:
            why = str(getattr(error, "orig", error)).splitlines()[0]
            raise NaryadError(_("The vectors cannot be read or written: {why}").format(why=why)) from error
        self._ready = True
        return found


def _written(vector: Vector) -> str:
    return f"[{','.join(map(repr, map(float, vector)))}]"
