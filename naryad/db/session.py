"""Connections: one engine per process, short transactions, SQLite and PostgreSQL alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession


class Database:
    """Opens sessions on one URL.

    Attributes:
        engine: SQLAlchemy's async engine.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        if self.sqlite:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.engine = create_async_engine(url, connect_args={"timeout": 30})
            _prepare_sqlite(self.engine)
        else:
            self.engine = create_async_engine(url, pool_pre_ping=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are never kept."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back on any error.

        On SQLite it takes the write lock at once: a transaction that reads first and writes later
        would fail with «database is locked» instead of waiting for its turn.
        """
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            if self.sqlite:
                await (await session.connection()).execute(text("BEGIN IMMEDIATE"))
            yield session
            await session.commit()

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


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        # The driver must not open transactions of its own: `write` says BEGIN IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: a started effect must survive a power cut, or it would run twice.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
