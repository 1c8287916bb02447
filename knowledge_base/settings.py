"""What configures the knowledge base."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

SHIPPED = Path(__file__).with_name("documents")


class KnowledgeSettings(BaseModel):
    """How documents are read, cut and found.

    Attributes:
        folders: Where documents lie, as `<lang>/**`; a later folder's document replaces its namesake.
        embeddings: `built-in` needs nothing else; `http` is any OpenAI-compatible `/embeddings`.
        vectors: Where Chroma keeps the vectors of `http`.
        threshold: Confidence from which a question counts as answered by the base.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folders: tuple[Path, ...] = (SHIPPED,)
    embeddings: Literal["built-in", "http", "none"] = "built-in"
    embeddings_url: str = "https://api.openai.com/v1"
    embeddings_model: str = "text-embedding-3-small"
    embeddings_key: SecretStr | None = None
    embeddings_timeout_s: float = Field(10, gt=0)
    vectors: Path = Path("vectors")
    max_file_mb: int = Field(30, ge=1)
    read_timeout_s: float = Field(60, gt=0)
    threshold: float = Field(0.5, ge=0, le=1)
    refresh_s: float = Field(5, gt=0)
