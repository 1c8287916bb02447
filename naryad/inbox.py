"""Telegram updates on their way to the bot: whoever receives them stores them, and each is handled at most once."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, delete, select, update

from naryad.clock import now
from naryad.db.models.telegram import TelegramUpdate
from naryad.db.session import Database
from naryad.settings import Settings

KEPT = timedelta(days=7)
"""How long an update is known again; Telegram itself keeps what nobody took for a day."""
POLL_S = 1.0
"""How often to look for what another process received."""
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
        """The oldest update that nobody has taken; waits for one."""
        while True:
            self._came.clear()
            if (taken := await self._database.transact(self._first)) is not None:
                return taken
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), POLL_S)

    def _first(self, session: Session) -> dict[str, Any] | None:
        waiting = select(TelegramUpdate).where(TelegramUpdate.bot == self._bot, col(TelegramUpdate.taken_at).is_(None))
        query = waiting.order_by(col(TelegramUpdate.update_id)).limit(1).with_for_update(skip_locked=True)
        if (found := session.exec(query).first()) is None:
            return None
        found.taken_at = now()
        session.add(found)
        return found.data or {}

    async def done(self, update_id: int) -> None:
        """Forget what a handled update said, and old updates altogether."""
        ours = col(TelegramUpdate.bot) == self._bot
        handled = update(TelegramUpdate).where(ours, col(TelegramUpdate.update_id) == update_id)
        async with self._database.write() as session:
            await session.exec(handled.values(data=None))
            await session.exec(delete(TelegramUpdate).where(ours, col(TelegramUpdate.received_at) < now() - KEPT))


def bot_id(settings: Settings) -> str:
    """The bot's id, which is the part of its token that is no secret; empty where no bot is set up."""
    return settings.telegram_token.get_secret_value().partition(":")[0] if settings.telegram_token else ""
