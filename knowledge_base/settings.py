"""What configures the knowledge base."""

from datetime import date
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from naryad.clock import now
from naryad.settings import Settings

SHIPPED = Path(__file__).with_name("documents")


class KnowledgeSettings(BaseModel):
    """How documents are read, cut and found.

    Attributes:
        folders: Where documents lie, as `<lang>/**`; a later folder's document replaces its namesake.
        embeddings: `built-in` needs nothing else; `http` is any OpenAI-compatible `/embeddings`, `local` a GGUF file.
        embeddings_timeout_s: How long a question waits for its vector; without one the words find.
        embeddings_batch_timeout_s: How long passages may take that are embedded at once; then fewer are.
        reranker_url: What has a `/rerank` that puts the best passages in a better order; empty for none.
        vectors: The folder in which an embedded Chroma keeps the vectors of a model.
        vectors_at: `database` keeps them in PostgreSQL with pgvector, a URL in a Chroma server.
        fill: Whether the first question takes the folders in, where nothing ever was.
        threshold: Confidence from which a question counts as answered by the base.
        refresh_s: How often a process looks for changes of the base.
        pull_s: How often a server looks for changes of the folders.
        zone: Whose days decide what is in force.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folders: tuple[Path, ...] = (SHIPPED,)
    embeddings: Literal["built-in", "http", "local", "none"] = "built-in"
    embeddings_file: Path = Path("embeddings.gguf")
    embeddings_log: Path = Path("embeddings.log")
    embeddings_url: str = "https://api.openai.com/v1"
    embeddings_model: str = "text-embedding-3-small"
    embeddings_key: SecretStr | None = None
    embeddings_timeout_s: float = Field(5, gt=0)
    embeddings_batch_timeout_s: float = Field(120, gt=0)
    reranker_url: str = ""
    reranker_model: str = ""
    reranker_key: SecretStr | None = None
    reranker_timeout_s: float = Field(5, gt=0)
    vectors: Path = Path("vectors")
    vectors_at: str = ""
    max_file_mb: int = Field(30, ge=1)
    read_timeout_s: float = Field(60, gt=0)
    fill: bool = False
    threshold: float = Field(0.5, ge=0, le=1)
    refresh_s: float = Field(5, gt=0)
    pull_s: float = Field(300, gt=0)
    zone: ZoneInfo = ZoneInfo("UTC")

    @property
    def today(self) -> date:
        """The day that decides what is in force."""
        return now().astimezone(self.zone).date()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What the install is configured to."""
        own = (Path(name).expanduser().absolute() for part in settings.knowledge.split(",") if (name := part.strip()))
        embeddings, _, file = settings.embeddings.partition(":")
        path = Path(file).expanduser()
        return cls.model_validate(
            {
                "folders": (SHIPPED, *own),
                "embeddings": embeddings,
                "embeddings_file": path,
                "embeddings_log": settings.home / "logs" / "embeddings.log",
                "embeddings_url": settings.embeddings_url,
                "embeddings_model": path.name or settings.embeddings_model,
                "embeddings_key": settings.embeddings_api_key,
                "embeddings_timeout_s": settings.embeddings_timeout_s,
                "embeddings_batch_timeout_s": settings.embeddings_batch_timeout_s,
                "reranker_url": settings.reranker_url,
                "reranker_model": settings.reranker_model,
                "reranker_key": settings.reranker_api_key,
                "reranker_timeout_s": settings.reranker_timeout_s,
                "vectors": settings.home / "vectors",
                "vectors_at": settings.vectors,
                "fill": True,
                "zone": settings.zone,
            }
        )
