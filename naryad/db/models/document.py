"""What the knowledge base knows, and how it came to: every version of every document."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Field, SQLModel, UniqueConstraint

from naryad.clock import now
from naryad.db.types import Json, UtcDateTime, text_enum


class Change(StrEnum):
    """What a version did to its document."""

    ADDED = "added"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


class Origin(StrEnum):
    """How a document came here: from a folder that is followed, or given by a person, which the folder leaves alone."""

    FOLDER = "folder"
    PERSON = "person"


class DocumentVersion(SQLModel, table=True):
    """One change of one document in one language; rows are only ever added, the last one is in force.

    Attributes:
        seq: The revision of the whole base; whoever has seen the highest has seen everything.
        about: The front matter.
        digest: Of front matter and text.
        source: The file it was read from.
    """

    __tablename__ = "document_version"
    __table_args__ = (UniqueConstraint("document_id", "lang", "version"),)

    seq: int | None = Field(default=None, primary_key=True)
    document_id: str
    lang: str
    version: int
    change: Change = Field(sa_type=text_enum(Change))
    origin: Origin = Field(sa_type=text_enum(Origin))
    about: dict[str, Any] = Field(sa_type=Json)
    text: str
    digest: str
    source: str
    by: str
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)

    @property
    def name(self) -> str:
        """How people and lists call it."""
        return f"{self.document_id}.{self.lang}"
