"""Connections: one engine per process, short transactions, SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import masking
from naryad.db import sqlite
from naryad.errors import ConfigError, NaryadError
from naryad.i18n import _


class Database:
    """Opens sessions on one URL.

    Args:
        url: SQLAlchemy URL with an async driver.
        power_safe: Whether SQLite waits for the disk at each commit. Without it a commit survives the end of the
            process but not of the power, and a started effect could run twice.

    Attributes:
        engine: SQLAlchemy's async engine.
    """

    def __init__(self, url: str, *, power_safe: bool = True) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            parsed = make_url("unknown://")
        if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+psycopg"):
            raise ConfigError("must be a sqlite:// or postgresql:// URL", source="environment", field="DATABASE_URL")
        self.sqlite = parsed.get_backend_name() == "sqlite"
        # SQLite lets one writer in and makes the others sleep and try again: those of this process queue in order.
        self._turn = asyncio.Lock() if self.sqlite else nullcontext()
        if self.sqlite:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.engine = _sqlite(url, "FULL" if power_safe else "OFF")
            self._hasty = _sqlite(url, "NORMAL" if power_safe else "OFF")
        else:
            if parsed.drivername.endswith("+psycopg") and not find_spec("psycopg"):
                raise ConfigError("needs pip install 'naryad[postgres]'", source="environment", field="DATABASE_URL")
            self.engine = self._hasty = create_async_engine(url, pool_pre_ping=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are never kept."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back on any error.

        Without `durable` SQLite does not wait for the disk: a power cut may take the last such commits back, never
        one of the middle, and the next durable commit keeps them too. For what only tells: tokens, looks.

        On SQLite it takes the write lock at once: a transaction that reads first and writes later
        would fail with «database is locked» instead of waiting for its turn.
        """
        async with self._turn, AsyncSession(self.engine if durable else self._hasty, expire_on_commit=False) as session:
            if self.sqlite:
                await (await session.connection()).execute(text("BEGIN IMMEDIATE"))
            yield session
            await session.commit()

    async def ping(self) -> None:
        """Raise `NaryadError` unless the database answers."""
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            why = str(getattr(error, "orig", error)).splitlines()[0]
            raise NaryadError(_("The database does not answer: {why}").format(why=masking.secrets(why))) from error

    async def serialize(self, session: AsyncSession, name: str) -> None:
        """Wait until no other transaction holds `name`; held to the end of this one.

        SQLite has one writer at a time anyway.
        """
        if not self.sqlite:
            lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
            await (await session.connection()).execute(lock, {"name": name})

    async def close(self) -> None:
        """Give back every connection."""
        await self.engine.dispose()
        await self._hasty.dispose()


def _sqlite(url: str, synchronous: str) -> AsyncEngine:
    opened = partial(sqlite.connect, synchronous=synchronous)
    return create_async_engine(url, connect_args={"timeout": 30, "async_creator_fn": opened})
