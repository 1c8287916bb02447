"""A better order of the passages that were found, by a model behind any `/rerank`: llama.cpp, vLLM, Jina."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from knowledge_base.settings import KnowledgeSettings
from naryad.llm.breaker import Breaker, BreakerOpen

if TYPE_CHECKING:
    import httpx

    from knowledge_base.shard import Hit

log = structlog.get_logger()
_FAILURES, _REST_S = 3, 60


class Reranker:
    """Asks the model; where it fails, the order stays as it was."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self._settings = settings
        self._http: httpx.AsyncClient | None = None
        self._breaker = Breaker(_FAILURES, _REST_S, 1)

    async def ordered(self, query: str, hits: "Sequence[Hit]") -> "list[Hit]":
        """The same hits, the best first, with the model's scores."""
        import httpx

        try:
            with self._breaker.call() as verdict:
                try:
                    scores = await self._scores(query, hits)
                except (
                    httpx.HTTPError,
                    httpx.InvalidURL,
                    ArithmeticError,
                    LookupError,
                    TypeError,
                    ValueError,
                ) as error:
                    verdict.failed()
                    log.warning("knowledge.reranker.failed", why=type(error).__name__)
                    return list(hits)
                verdict.succeeded()
        except BreakerOpen:
            return list(hits)
        found = [replace(hit, score=score) for hit, score in zip(hits, scores, strict=True)]
        return sorted(found, key=lambda hit: -hit.score)

    async def close(self) -> None:
        """Give back the connection."""
        if self._http is not None:
            await self._http.aclose()

    async def _scores(self, query: str, hits: "Sequence[Hit]") -> list[float]:
        import httpx

        settings = self._settings
        if self._http is None:
            key = settings.reranker_key
            headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
            self._http = httpx.AsyncClient(timeout=settings.reranker_timeout_s, headers=headers)
        texts = ["\n".join((hit.chunk.title, *hit.chunk.path, hit.chunk.text)) for hit in hits]
        reply = await self._http.post(
            f"{settings.reranker_url.rstrip('/')}/rerank",
            json={"model": settings.reranker_model, "query": query, "documents": texts, "top_n": len(texts)},
        )
        reply.raise_for_status()
        scores = {int(row["index"]): float(row["relevance_score"]) for row in reply.json()["results"]}
        if scores.keys() != set(range(len(texts))) or not all(map(math.isfinite, scores.values())):
            raise ValueError("not one score a passage")
        return [scores[at] for at in range(len(texts))]
