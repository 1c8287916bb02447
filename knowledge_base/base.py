"""The knowledge base of one process: takes documents in, keeps its index fresh and answers from it.

The database is the truth; each process holds an index of it. A new index is built beside the old one and put in its
place at once, so that no question finds a gap.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from knowledge_base import analysis, answer, build
from knowledge_base.answer import BELIEVED, Answer, Passage
from knowledge_base.chunks import Chunk, cut
from knowledge_base.documents import READERS, Document, may_read
from knowledge_base.embeddings import Dense, open_dense
from knowledge_base.intake import Intake
from knowledge_base.rerank import Reranker
from knowledge_base.settings import KnowledgeSettings
from knowledge_base.store import Store, document
from naryad.db.session import Database
from naryad.errors import NaryadError

if TYPE_CHECKING:
    from knowledge_base.shard import Hit, Shard

log = structlog.get_logger()
_CANDIDATES = 50


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
    shards: "dict[str, Shard]" = field(default_factory=dict)


class KnowledgeBase(Intake):
    """Retrieval over the company's documents.

    Args:
        database: Where the documents are kept.
        settings: How they are read and found.
    """

    def __init__(self, database: Database, settings: KnowledgeSettings | None = None) -> None:
        super().__init__(Store(database), settings or KnowledgeSettings())
        self._reranker = Reranker(self.settings) if self.settings.reranker_url else None
        self._dense: Dense | None = open_dense(self.settings, database)
        self._without: dict[str, float] | None = {} if self.settings.embeddings == "none" else None
        self._now = _Generation()
        self._embedded: dict[str, Shard] | None = None
        self._building, self._embedding = asyncio.Lock(), asyncio.Lock()
        self._aside: asyncio.Task[None] | None = None

    async def refresh(self) -> bool:
        """Index what is new, with vectors; whether anything was. The old index answers until the new one is whole."""
        fresh = await self._index()
        await self._embed()
        return fresh

    async def _index(self) -> bool:
        async with self._building:
            revision = await self.store.revision()
            if fresh := revision != self._now.revision:
                rows = await self.store.current()

                def passages() -> list[Chunk]:
                    return [chunk for row in rows for chunk in cut(document(row), row.version)]

                chunks = await asyncio.to_thread(passages)
                shards = await build.build(chunks)
                self._now = _Generation(revision, shards)
                log.info("knowledge.index.swapped", revision=revision, passages=len(chunks))
            return fresh

    def take_over(self, other: "KnowledgeBase") -> None:
        """Begin with the index of another base with the same documents; `refresh` finds what has changed since."""
        self._now, self._embedded = other._now, other._embedded  # noqa: SLF001  one of this class

    async def _embed(self) -> None:
        """Give the new passages their vectors; the words answer meanwhile, and where the model fails."""
        if self._dense is None:
            return
        async with self._embedding:
            shards = self._now.shards
            if shards is self._embedded:
                return
            try:
                await self._dense.prepare([chunk for shard in shards.values() for chunk in shard.chunks])
                self._embedded = shards
            except NaryadError as error:  # the next look tries again
                log.warning("knowledge.embeddings.failed", why=error.message)
                self._embedded = None

    def _embed_aside(self) -> None:
        """The same in a task of its own: a slow model needs hours for a large base."""
        wanted = self._dense is not None and self._embedded is not self._now.shards
        if wanted and (self._aside is None or self._aside.done()):
            self._aside = asyncio.create_task(self._embed())

    async def run(self) -> None:
        """Follow the folders and the database; never ends."""
        due = 0.0
        while True:
            if time.monotonic() >= due:
                await self._follow()
                due = time.monotonic() + self.settings.pull_s
            await self._index()
            self._embed_aside()
            await asyncio.sleep(self.settings.refresh_s)

    async def _follow(self) -> None:
        """Look at the folders; what people gave is indexed also where that fails."""
        try:
            if refused := (await self.pull()).refused:
                log.warning("knowledge.folders.refused", files=len(refused), first=next(iter(refused.values())))
        except Exception:  # a bug there must not keep what was uploaded from being found
            log.exception("knowledge.folders.failed")

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
        return [answer.passage(hit) for hit in hits[:k]]

    async def answer(self, query: str, audience: Collection[str], lang: str | None = None, k: int = 5) -> Answer:
        """The same with a decision whether the base knows, and an answer in the best passage's own words."""
        shard, hits = await self._find(query, audience, lang, k)
        if shard is None or not hits:
            return Answer(known=False, confidence=0, text="", passages=[])
        confidence = shard.confidence(query, hits)
        known = confidence >= self.settings.threshold
        text = answer.extracted(shard, query, hits) if known else ""
        passages = [answer.passage(hit) for hit in hits[:k]]
        return Answer(known=known, confidence=round(confidence, 3), text=text, passages=passages)

    async def document(self, document_id: str, lang: str) -> Document | None:
        """The whole document in force; who may read it is for the caller to see to."""
        row = await self.store.one(document_id, lang)
        return document(row) if row else None

    async def status(self, reader: Collection[str] = READERS) -> Status:
        """Counts, and what is out of date of that which the reader may see."""
        rows = await self.store.current(texts=False)
        today = self.settings.today.isoformat()
        stale = [
            {"document": row.name, "valid_until": until, "owner": row.about["owner"]}
            for row in rows
            if (until := row.about["valid_until"]) and until < today and may_read(row.about["audience"], reader)
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
        if self._aside is not None:
            self._aside.cancel()
            await asyncio.gather(self._aside, return_exceptions=True)
        if self._dense is not None:
            await self._dense.close()
        if self._reranker is not None:
            await self._reranker.close()

    async def _find(
        self, query: str, audience: Collection[str], lang: str | None, k: int
    ) -> "tuple[Shard | None, list[Hit]]":
        if self._now.revision < 0:
            await self._index()
            if self._now.revision == 0 and self.settings.fill:
                await self.pull()
                await self._index()
            self._embed_aside()
        generation, query, today = self._now, query[:2000], self.settings.today
        own = lang or analysis.language(query)
        for one in [own] if lang else [own, *(other for other in generation.shards if other != own)]:
            if (shard := generation.shards.get(one)) is None:
                continue
            dense = await self._cosines(query, one, audience, today) if self._embedded else self._without
            wanted = max(k, _CANDIDATES if self._reranker else BELIEVED)
            if hits := await asyncio.to_thread(shard.search, query, audience, wanted, today, dense):
                return shard, await self._reranker.ordered(query, hits) if self._reranker else hits
        return None, []

    async def _cosines(self, query: str, lang: str, audience: Collection[str], today: date) -> dict[str, float] | None:
        assert self._dense is not None
        try:
            return await self._dense.search(query, lang, audience, today)
        except NaryadError as error:
            log.warning("knowledge.embeddings.failed", why=error.message)
            if not self._dense.running:
                self._embedded = None
                self._embed_aside()
            return None
