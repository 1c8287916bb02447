"""Long tool outputs, kept so that their middle can be read later."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from naryad.clock import now
from naryad.db.types import UtcDateTime


class Output(SQLModel, table=True):
    """One output; its id is the handle, a digest of its thread and text: only who was shown it knows it."""

    id: str = Field(primary_key=True)
    thread_id: str = Field(index=True)
    text: str
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
