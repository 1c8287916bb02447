"""The knowledge base as the API speaks of it."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from knowledge_base.answer import Passage
from knowledge_base.documents import ID, Kind, Lang, Reader
from naryad.db.models.document import Change, DocumentVersion, Origin


class Question(BaseModel):
    """What somebody wants to know."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[str, Field(min_length=1, max_length=2_000)]
    lang: Lang | None = None


class Found(BaseModel):
    """Passages, the best first."""

    passages: list[Passage]


class Upload(BaseModel):
    """What is said about a file; what it says itself in its front matter goes before.

    Attributes:
        name: The file's name; its ending tells the format.
        lang: Its language, where it is not that of most of its letters.
        audience: Who may read it; else as before, or everyone.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    lang: Lang | None = None
    id: Annotated[str, Field(pattern=ID)] | None = None
    title: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    kind: Kind | None = None
    audience: Annotated[list[Reader], Field(max_length=10)] | None = None
    owner: Annotated[str, Field(max_length=200)] | None = None
    valid_from: date | None = None
    valid_until: date | None = None


class DocumentLine(BaseModel):
    """A document in a list."""

    id: str
    lang: Lang
    version: int
    title: str
    kind: Kind
    audience: list[Reader]
    owner: str
    valid_from: date | None
    valid_until: date | None
    origin: Origin
    source: str
    by: str
    at: datetime

    @classmethod
    def of(cls, row: DocumentVersion, **more: Any) -> Self:
        """A version as it is shown."""
        return cls.model_validate({**row.about, **_shown(row, "lang", "version", "origin", "by", "at"), **more})


class DocumentPage(BaseModel):
    """A page of a list; `next` is the cursor of the page behind it."""

    documents: list[DocumentLine]
    next: str | None


class DocumentShown(DocumentLine):
    """A whole document, as Markdown."""

    asked: list[str]
    text: str


class UploadTaken(BaseModel):
    """What became of a file: `change` is empty where nothing is new."""

    change: Change | None
    document: DocumentLine


class VersionLine(BaseModel):
    """One change of a document."""

    version: int
    change: Change
    origin: Origin
    source: str
    by: str
    at: datetime

    @classmethod
    def of(cls, row: DocumentVersion) -> Self:
        """A version as it is shown."""
        return cls.model_validate(_shown(row, "version", "change", "origin", "by", "at"))


class History(BaseModel):
    """The changes of a document, the newest first; `next` is the cursor of the page behind."""

    versions: list[VersionLine]
    next: int | None


class Difference(BaseModel):
    """A unified diff, empty where nothing differs."""

    diff: str


class Stale(BaseModel):
    """A document past its date."""

    document: str
    valid_until: date
    owner: str


class StatusShown(BaseModel):
    """How much there is; `indexed` is the revision that this process answers from."""

    revision: int
    indexed: int
    documents: dict[str, int]
    passages: dict[str, int]
    embeddings: str
    stale: list[Stale]


def _shown(row: DocumentVersion, *fields: str) -> dict[str, Any]:
    """Fields of a version, and its file without the folders of our machine."""
    return {**row.model_dump(include=set(fields)), "source": row.source.rpartition("/")[2]}
