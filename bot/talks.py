"""Conversations of people on Telegram, kept in the database."""

from collections.abc import Sequence

from sqlmodel import col, select

from naryad.clock import new_id
from naryad.db.models.telegram import TelegramTalk
from naryad.db.models.thread import QueuedInput
from naryad.db.session import Database


class Talks:
    """Begins, finds and keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, account_id: str, agent: str) -> TelegramTalk:
        """A new conversation, which is the person's present one from now on."""
        talk = TelegramTalk(thread_id=new_id(), account_id=account_id, agent=agent)
        await self.keep(talk)
        return talk

    async def current(self, account_id: str) -> TelegramTalk | None:
        """The person's newest conversation."""
        query = select(TelegramTalk).where(TelegramTalk.account_id == account_id)
        async with self._database.read() as session:
            return (await session.exec(query.order_by(col(TelegramTalk.thread_id).desc()).limit(1))).first()

    async def of_thread(self, thread_id: str) -> TelegramTalk | None:
        """The conversation that a thread is, if it is one."""
        async with self._database.read() as session:
            return await session.get(TelegramTalk, thread_id)

    async def live(self) -> Sequence[TelegramTalk]:
        """Those that are being followed."""
        async with self._database.read() as session:
            return (await session.exec(select(TelegramTalk).where(col(TelegramTalk.live)))).all()

    async def keep(self, talk: TelegramTalk) -> None:
        """Write down how far a conversation was told."""
        async with self._database.write() as session:
            await session.merge(talk)

    async def busy(self, thread_id: str) -> bool:
        """Whether an agent still has something to do there."""
        async with self._database.read() as session:
            query = select(QueuedInput.id).where(QueuedInput.thread_id == thread_id).limit(1)
            return (await session.exec(query)).first() is not None
