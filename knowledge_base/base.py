"""The knowledge base of one process: takes documents in, keeps its index fresh and answers from it.

The database is the truth; each process holds an index of it. A new index is built beside the old one and put in its
place at once, so that no question finds a gap.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel

from knowledge_base import analysis, answer, build
from knowledge_base.answer import Answer, Passage
from knowledge_base.chunks import Chunk, cut
from knowledge_base.documents import Document, Unreadable, files, read
from knowledge_base.embeddings import Dense, open_dense
from knowledge_base.settings import KnowledgeSettings
from knowledge_base.shard import BELIEVED, Hit, Shard
from knowledge_base.store import Store, document
from naryad.clock import now
from naryad.db.models.document import Change, Origin
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.i18n import _

log = structlog.get_logger()
_AT_ONCE = 2
_CANDIDATES = 50
Reranker = Callable[[str, Sequence[Passage]], Awaitable[Sequence[Passage]]]


class Taken(BaseModel):
    """What became of documents: names as `id.lang`, and why a file was refused."""

    added: list[str] = []
    changed: list[str] = []
    withdrawn: list[str] = []
    unchanged: int = 0
    refused: dict[str, str] = {}


class Status(BaseModel):
    """The state of the base; `stale` holds documents past their date, with their owners."""

    revision: int
    indexed: int
    documents: dict[str, int]
    passages: dict[str, int]
    embeddings: str
    stale: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class _Generation:
    revision: int = -1
    shards: dict[str, Shard] = field(default_factory=dict)
    dense: bool = False


class KnowledgeBase:
    """Retrieval over the company's documents.

    Args:
        database: Where the documents are kept.
        settings: How they are read and found.
        reranker: Puts the best passages in a better order, where one is at hand.
    """

    def __init__(
        self, database: Database, settings: KnowledgeSettings | None = None, *, reranker: Reranker | None = None
    ) -> None:
        self.settings = settings or KnowledgeSettings()
        self.store = Store(database)
        self._reranker = reranker
        self._dense: Dense | None = open_dense(self.settings)
        self._now = _Generation()
        self._building = asyncio.Lock()

    async def ingest(self, paths: Sequence[Path], by: str, **front: Any) -> Taken:
        """Take in files and folders, each document on its own: a bad one is refused and the others go on.

        Args:
            paths: Files, and folders with everything below them.
            by: Who gives them.
            front: Front matter for documents that have none, such as `kind` or `audience`.
        """
        found = [pair for path in paths for pair in (files(path) if path.is_dir() else [(path, "")])]
        documents, refused = await self._read(found, front)
        first: dict[tuple[str, str], Document] = {}
        for one in documents:
            if (other := first.setdefault((one.about.id, one.lang), one)) is not one:
                text = _("{name} has the same id as {other}: {id}")
                refused[one.source] = text.format(name=one.source, other=other.source, id=one.about.id)
        return await self._put(list(first.values()), refused, Origin.PERSON, by)

    async def pull(self, by: str = "system:folders") -> Taken:
        """Bring the base in line with the folders that it follows; what is gone there is withdrawn.

        A document that can no longer be read stays as it was.
        """
        if missing := [folder for folder in self.settings.folders if not folder.is_dir()]:
            raise NaryadError(_("There is no folder {path}: nothing was withdrawn.").format(path=missing[0]))
        found = [pair for folder in self.settings.folders for pair in files(folder)]
        documents, refused = await self._read(found, {})
        # A later folder's document replaces its namesake before anything is written.
        last = {(document.about.id, document.lang): document for document in documents}
        taken = await self._put(list(last.values()), refused, Origin.FOLDER, by)
        gone = [
            (row.document_id, row.lang)
            for row in await self.store.current()
            if row.origin is Origin.FOLDER and (row.document_id, row.lang) not in last and row.source not in refused
        ]
        return taken.model_copy(update={"withdrawn": await self.store.withdraw(gone, by)})

    async def _read(
        self, found: Sequence[tuple[Path, str]], front: dict[str, Any]
    ) -> tuple[list[Document], dict[str, str]]:
        turn, refused = asyncio.Semaphore(_AT_ONCE), dict[str, str]()

        async def one(path: Path, lang: str) -> Document | None:
            async with turn:
                try:
                    return await asyncio.to_thread(read, path, self.settings, lang=lang, defaults=front)
                except Unreadable as error:
                    refused[str(path)] = error.message
            return None

        return [document for document in await asyncio.gather(*(one(*pair) for pair in found)) if document], refused

    async def _put(self, documents: list[Document], refused: dict[str, str], origin: Origin, by: str) -> Taken:
        done = await self.store.put(documents, origin, by)
        added, changed = done[Change.ADDED], done[Change.CHANGED]
        same = len(documents) - len(added) - len(changed)
        return Taken(added=added, changed=changed, unchanged=same, refused=refused)

    async def refresh(self) -> bool:
        """Index what is new; whether anything was. The old index answers until the new one is whole."""
        async with self._building:
            revision = await self.store.revision()
            if fresh := revision != self._now.revision:
                rows = await self.store.current()

                def passages() -> list[Chunk]:
                    return [chunk for row in rows for chunk in cut(document(row), row.version)]

                chunks = await asyncio.to_thread(passages)
                shards = await build.build(chunks)
                self._now = replace(self._now, revision=revision, shards=shards)
                log.info("knowledge.index.swapped", revision=revision, passages=len(chunks))
            if self._dense is not None and (fresh or not self._now.dense):
                await self._embed(self._dense)
            return fresh

    async def _embed(self, dense: Dense) -> None:
        """Give the new passages their vectors; the words answer meanwhile, and where the model fails."""
        try:
            await dense.prepare([chunk for shard in self._now.shards.values() for chunk in shard.chunks])
            self._now = replace(self._now, dense=True)
        except NaryadError as error:  # the next look tries again
            log.warning("knowledge.embeddings.failed", why=error.message)
            self._now = replace(self._now, dense=False)

    async def run(self) -> None:
        """Follow the database; never ends."""
        while True:
            await self.refresh()
            await asyncio.sleep(self.settings.refresh_s)

    async def search(self, query: str, audience: Collection[str], lang: str | None = None, k: int = 5) -> list[Passage]:
        """The best passages that the reader may see.

        Args:
            query: The question.
            audience: What the reader is: names of roles; `everyone` is always among them.
            lang: Only documents in this language; by default the language of the question, and the other one where
                the base has nothing in it.
            k: At most so many.
        """
        _shard, hits = await self._find(query, audience, lang, k)
        return await self._ranked(query, hits, k)

    async def answer(self, query: str, audience: Collection[str], lang: str | None = None, k: int = 5) -> Answer:
        """The same with a decision whether the base knows, and an answer in the best passage's own words."""
        shard, hits = await self._find(query, audience, lang, k)
        if shard is None or not hits:
            return Answer(known=False, confidence=0, text="", passages=[])
        confidence = shard.confidence(query, hits)
        known = confidence >= self.settings.threshold
        text = answer.extracted(shard, query, hits) if known else ""
        passages = await self._ranked(query, hits, k)
        return Answer(known=known, confidence=round(confidence, 3), text=text, passages=passages)

    async def status(self) -> Status:
        """Counts, and what is out of date."""
        rows = await self.store.current()
        today = now().date().isoformat()
        stale = [
            {"document": f"{row.document_id}.{row.lang}", "valid_until": until, "owner": row.about["owner"]}
            for row in rows
            if (until := row.about.get("valid_until")) and until < today
        ]
        return Status(
            revision=await self.store.revision(),
            indexed=self._now.revision,
            documents=Counter(row.lang for row in rows),
            passages={lang: len(shard.chunks) for lang, shard in self._now.shards.items()},
            embeddings=self.settings.embeddings,
            stale=stale,
        )

    async def close(self) -> None:
        """Give back connections."""
        if self._dense is not None:
            await self._dense.close()

    async def _find(
        self, query: str, audience: Collection[str], lang: str | None, k: int
    ) -> tuple[Shard | None, list[Hit]]:
        generation, query, today = self._now, query[:2000], now().date()
        own = lang or analysis.language(query)
        for one in [own] if lang else [own, *(other for other in generation.shards if other != own)]:
            if (shard := generation.shards.get(one)) is None:
                continue
            dense = await self._cosines(query, one, audience, today) if generation.dense else None
            wanted = max(k, _CANDIDATES if self._reranker else BELIEVED)
            if hits := await asyncio.to_thread(shard.search, query, audience, wanted, today, dense):
                return shard, hits
        return None, []

    async def _cosines(self, query: str, lang: str, audience: Collection[str], today: date) -> dict[str, float] | None:
        assert self._dense is not None
        try:
            return await self._dense.search(query, lang, audience, today)
        except NaryadError as error:
            log.warning("knowledge.embeddings.failed", why=error.message)
            return None

    async def _ranked(self, query: str, hits: Sequence[Hit], k: int) -> list[Passage]:
        passages: Sequence[Passage] = [answer.passage(hit) for hit in hits]
        if self._reranker and passages:
            passages = await self._reranker(query, passages)
        return list(passages[:k])
