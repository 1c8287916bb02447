"""Letters: what came, what went, and which thread they belong to."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class Fate(StrEnum):
    """What became of a letter.

    `READING` is being read, or was when the process died. `FILED` has its thread, `TAKEN` is input there. `DUPLICATE`
    came before. `IGNORED` and `REFUSED` have their reason, and nobody acts on them. `SENT` is one of ours,
    which may come back as `BOUNCED`.
    """

    READING = "reading"
    FILED = "filed"
    TAKEN = "taken"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    REFUSED = "refused"
    SENT = "sent"
    BOUNCED = "bounced"


class MailFolder(SQLModel, table=True):
    """A folder that is read; `first_uid` is where its new letters begin.

    Of the older ones those count that nobody has read, and, when the server has numbered its letters anew, those from
    the day `since` on: they may have come meanwhile.
    """

    __tablename__ = "mail_folder"

    name: str = Field(primary_key=True)
    uidvalidity: int = Field(sa_type=BigInteger)
    first_uid: int = Field(sa_type=BigInteger)
    since: date | None = None


class MailThread(SQLModel, table=True):
    """A thread that is held by letters with one address; `told` is the last event that became a letter.

    `token` stands in the Message-IDs of our letters: who knows it has got one of them.
    """

    __tablename__ = "mail_thread"

    thread_id: str = Field(primary_key=True)
    token: str = Field(unique=True)
    address: str = Field(index=True)
    subject: str = ""
    lang: str = "ru"
    told: int = 0


class MailLetter(SQLModel, table=True):
    """One letter; `identity` is the digest of what makes it this letter, wherever and however often it comes."""

    __tablename__ = "mail_letter"
    __table_args__ = (
        UniqueConstraint("folder", "uidvalidity", "uid"),
        Index("ix_mail_letter_address", "address", "at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    folder: str | None = None
    uidvalidity: int | None = Field(default=None, sa_type=BigInteger)
    uid: int | None = Field(default=None, sa_type=BigInteger)
    identity: str | None = Field(default=None, unique=True)
    message_id: str = Field(default="", index=True)
    thread_id: str = Field(default="", index=True)
    fate: Fate = Field(index=True, sa_type=text_enum(Fate))
    reason: str = ""
    address: str = ""
    subject: str = ""
    text: str = ""
    text_digest: str = ""
    answers: list[str] = Field(default_factory=list, sa_type=Json)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class MailSource(SQLModel, table=True):
    """A letter as it came, until it is attached to its thread's ticket or too old."""

    __tablename__ = "mail_source"

    letter_id: str = Field(primary_key=True)
    raw: bytes
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
