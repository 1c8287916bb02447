"""What the Telegram bot remembers: updates that came, and conversations that it shows."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from naryad.clock import now
from naryad.db.types import Json, UtcDateTime


class TelegramUpdate(SQLModel, table=True):
    """One update of one bot: its id stays, so that it is never handled twice; its content goes once it is handled."""

    __tablename__ = "telegram_update"

    bot: str = Field(primary_key=True)
    update_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    data: dict[str, Any] | None = Field(default=None, nullable=True, sa_type=Json)
    received_at: datetime = Field(default_factory=now, index=True, sa_type=UtcDateTime)
    taken_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TelegramTalk(SQLModel, table=True):
    """A thread that a person follows in Telegram; a person's newest one takes what they write.

    `told` is the last event that they were told of for good, `shown` the messages that hold what came since, which
    are still changed. `live` says that the thread is being followed, also after a restart.
    """

    __tablename__ = "telegram_talk"

    thread_id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True, ondelete="CASCADE")
    agent: str
    told: int = 0
    shown: list[int] = Field(default_factory=list, sa_type=Json)
    live: bool = False
