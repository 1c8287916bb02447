"""Vectors from an embedding model behind any OpenAI-compatible `/embeddings`, or in a child process of ours."""

import math
import re
from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from knowledge_base.chunks import Chunk
from knowledge_base.settings import KnowledgeSettings
from knowledge_base.vectors import Vectors, open_vectors
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.i18n import _
from naryad.llm.breaker import Breaker
from naryad.llm.failure import Failure
from naryad.llm.local_server import LocalServer

if TYPE_CHECKING:
    import httpx

_BATCH = 64
_FAILURES, _REST_S = 3, 60
"""So many questions in a row that the model does not answer, and it is not asked any for so long."""
_CONTEXT = 512
"""Tokens of a passage that a model of ours reads: what most embedding models were trained for."""
_LIFE_SIGN_S = 10.0
_PROBE = "naryad"
"""What tells how long the model's vectors are."""


class _Late(NaryadError):
    """The model was not ready in time."""


class Dense:
    """Embeds passages and questions, and finds the nearest passages that the reader may see."""

    def __init__(self, settings: KnowledgeSettings, vectors: Vectors) -> None:
        self._settings, self._vectors = settings, vectors
        self._http: httpx.AsyncClient | None = None
        self._server: LocalServer | None = None
        if settings.embeddings == "local":
            self._server = LocalServer(
                settings.embeddings_file, log_file=settings.embeddings_log, context=_CONTEXT, embedding=True
            )
        self._breaker = Breaker(_FAILURES, _REST_S, 1)
        self._batch = _BATCH

    @property
    def running(self) -> bool:
        """Whether a question may be asked: a model of ours must have been started by `prepare`."""
        return self._server is None or self._server.pid is not None

    async def prepare(self, chunks: Sequence[Chunk]) -> None:
        """Embed the passages that have no vector yet, and only then forget those that are gone.

        A model that is too slow gets fewer at once; what it has done is kept.

        Raises:
            NaryadError: The model or the vectors cannot be reached, or the model answers wrongly.
        """
        names = {self._name(chunk): chunk for chunk in chunks}
        patience_s = self._settings.embeddings_batch_timeout_s
        [probe] = await self.embed([_PROBE], patience_s)
        space = self._space(probe)
        known = await self._vectors.names(space)
        missing = [(name, chunk) for name, chunk in names.items() if name not in known]
        while missing:
            part = missing[: self._batch]
            try:
                vectors = await self.embed(["\n".join((c.title, *c.path, c.text)) for _name, c in part], patience_s)
            except _Late:
                if len(part) == 1:
                    raise
                self._batch = len(part) // 2
                continue
            await self._vectors.add(space, dict(part), vectors)
            del missing[: len(part)]
        await self._vectors.forget(space, sorted(known - names.keys()))

    async def search(self, query: str, lang: str, audience: Collection[str], today: date) -> dict[str, float]:
        """Cosines of the nearest passages by their ids; who may read them is part of the query.

        Raises:
            NaryadError: The model or the vectors cannot be reached, or the model answers wrongly; or it is not asked,
                because it failed before.
        """
        if not self.running:
            raise NaryadError(_("The embedding model does not run"))
        with self._breaker.call() as verdict:
            try:
                [vector] = await self.embed([query], self._settings.embeddings_timeout_s)
                found = await self._vectors.nearest(self._space(vector), vector, lang, audience, today)
            except NaryadError:
                verdict.failed()
                raise
            verdict.succeeded()
        return {name.partition("@")[0]: cosine for name, cosine in found.items()}

    async def embed(self, texts: Sequence[str], timeout_s: float) -> list[list[float]]:
        """One vector a text.

        Raises:
            NaryadError: The model cannot be reached, or answers wrongly.
        """
        import httpx

        url, key = await self._place()
        if self._http is None:
            self._http = httpx.AsyncClient(trust_env=self._server is None)
        try:
            reply = await self._http.post(
                f"{url.rstrip('/')}/embeddings",
                headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
                json={"model": self._settings.embeddings_model, "input": list(texts), "encoding_format": "float"},
                timeout=timeout_s,
            )
            reply.raise_for_status()
            rows = sorted(reply.json()["data"], key=lambda row: int(row["index"]))
            vectors = [_vector(row["embedding"]) for row in rows]
        except httpx.HTTPStatusError as error:
            raise NaryadError(_("The embedding model answers {code}").format(code=error.response.status_code)) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            late = isinstance(error, httpx.TimeoutException)
            if late and self._server is not None:
                await self._server.end_if_stuck(_LIFE_SIGN_S)
            kind = _Late if late else NaryadError
            raise kind(_("The embedding model does not answer: {why}").format(why=type(error).__name__)) from None
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise NaryadError(_("The embedding model's answer makes no sense")) from error
        sound = len(vectors) == len(texts) and len({len(vector) for vector in vectors}) == 1
        if not sound or not all(math.isfinite(number) for vector in vectors for number in vector):
            raise NaryadError(_("The embedding model's answer makes no sense"))
        return vectors

    async def close(self) -> None:
        """Give back the connection, and end a model of ours."""
        if self._http is not None:
            await self._http.aclose()
        if self._server is not None:
            await self._server.close()

    async def _place(self) -> tuple[str, SecretStr | None]:
        if self._server is None:
            return self._settings.embeddings_url, self._settings.embeddings_key
        try:
            await self._server.ready()
        except Failure as failure:
            text = _("The embedding model does not start: {why}")
            raise NaryadError(text.format(why=failure.reason)) from None
        return self._server.url, self._server.key

    def _space(self, vector: Sequence[float]) -> str:
        """Vectors of another model, or of another length, are of another space."""
        model = re.sub("[^a-zA-Z0-9]+", "-", self._settings.embeddings_model).strip("-")
        return f"m-{model[-40:]}-{len(vector)}"

    @staticmethod
    def _name(chunk: Chunk) -> str:
        """The vector's id: whoever may read the passage is part of it, because it is part of what is kept."""
        return f"{chunk.id}@{'+'.join(sorted(chunk.audience))}@{chunk.valid_from or ''}@{chunk.valid_until or ''}"


def _vector(given: list[Any]) -> list[float]:
    """A vector; of a model that gives one for each token, their mean."""
    if given and isinstance(given[0], list):
        return [sum(map(float, column)) / len(given) for column in zip(*given, strict=True)]
    return [float(number) for number in given]


def open_dense(settings: KnowledgeSettings, database: Database) -> Dense | None:
    """The model's vectors, where the settings name a model."""
    return Dense(settings, open_vectors(settings, database)) if settings.embeddings in ("http", "local") else None
