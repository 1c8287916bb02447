"""Telegram updates on their way to the bot: stored as they come, and forgotten once they are handled.

What was being handled when its process died or was stopped is handled again by the next one, so a handler must stand
that: a decision is counted once by the database, and words carry a key.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import insert, null
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, delete, func, select, update

from naryad.clock import now
from naryad.db.models.telegram import TelegramUpdate
from naryad.db.session import Database
from naryad.settings import Settings

WEBHOOK = "/api/v1/telegram/webhook"
"""Where Telegram delivers them when the bot does not poll."""
KEPT = timedelta(days=7)
"""How long an update is known again; Telegram itself keeps what nobody took for a day."""
POLL_S = 1.0
"""How often to look for what another process received."""
LEASE = timedelta(minutes=5)
"""When a taken update counts as left behind: longer than any handler takes, with the pauses that Telegram asks for."""
STALE = timedelta(hours=1)
"""After this nobody expects an answer any more: an update that kills its handler does not come back for ever."""
_ADD = insert(SQLModel.metadata.tables["telegram_update"])


class Inbox:
    """The updates of one bot.

    Args:
        database: Where they are kept.
        bot: The bot's id, for each bot counts its updates for itself.
    """

    def __init__(self, database: Database, bot: str) -> None:
        self._database, self._bot = database, bot
        self._came = asyncio.Event()

    async def put(self, data: Mapping[str, Any]) -> bool:
        """Store an update, on the disk when this returns; False where it came before."""
        row = TelegramUpdate(bot=self._bot, update_id=data["update_id"], data=dict(data))
        try:
            await self._database.transact(lambda session: session.connection().execute(_ADD, row.model_dump()))
        except IntegrityError:
            return False
        self._came.set()
        return True

    async def take(self) -> dict[str, Any]:
        """The oldest update that nobody handles; waits for one."""
        while True:
            self._came.clear()
            taken: list[dict[str, Any]] = []
            try:
                await self._database.transact(partial(self._first, taken))
            except asyncio.CancelledError:
                for data in taken:
                    await self.give_back(data["update_id"])
                raise
            if taken:
                return taken[0]
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._came.wait()

    def _first(self, taken: list[dict[str, Any]], session: Session) -> None:
        moment = now()
        free = col(TelegramUpdate.taken_at).is_(None)
        left = col(TelegramUpdate.data).is_not(None) & (col(TelegramUpdate.taken_at) < moment - LEASE)
        fresh = col(TelegramUpdate.received_at) > moment - STALE
        waiting = select(TelegramUpdate).where(TelegramUpdate.bot == self._bot, free | (left & fresh))
        query = waiting.order_by(col(TelegramUpdate.update_id)).limit(1).with_for_update(skip_locked=True)
        if found := session.exec(query).first():
            found.taken_at = moment
            session.add(found)
            taken.append(found.data or {"update_id": found.update_id})

    async def waiting(self) -> int:
        """How many updates are not handled."""
        kept = col(TelegramUpdate.data).is_not(None)
        query = select(func.count()).where(TelegramUpdate.bot == self._bot, kept)
        async with self._database.read() as session:
            return (await session.exec(query)).one()

    async def done(self, update_id: int) -> None:
        """Forget what a handled update said, and old updates altogether."""
        await self._mark(update_id, data=null())
        old = delete(TelegramUpdate).where(
            col(TelegramUpdate.bot) == self._bot, col(TelegramUpdate.received_at) < now() - KEPT
        )
        async with self._database.write() as session:
            await session.exec(old)

    async def give_back(self, update_id: int) -> None:
        """Let the next one handle an update that nobody will handle here."""
        await self._mark(update_id, taken_at=None)

    async def _mark(self, update_id: int, **values: Any) -> None:
        one = update(TelegramUpdate).where(
            col(TelegramUpdate.bot) == self._bot, col(TelegramUpdate.update_id) == update_id
        )
        async with self._database.write() as session:
            await session.exec(one.values(**values))


def bot_id(settings: Settings) -> str:
    """The bot's id, which is the part of its token that is no secret; empty where no bot is set up."""
    return settings.telegram_token.get_secret_value().partition(":")[0] if settings.telegram_token else ""
