"""Connections: one engine per process, short transactions, SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from contextvars import copy_context
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import masking
from naryad.db import sqlite
from naryad.db.waiting import to_its_end
from naryad.errors import ConfigError, NaryadError
from naryad.i18n import _

T = TypeVar("T")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_THREADS = 8


class Database:
    """Opens sessions on one URL.

    There are two ways in. `read` and `write` give out a session, for ordinary code. `look` and `transact` take a
    function that runs in a thread from its first statement to its commit: that is several times quicker, because a
    trip between threads costs more than most statements, and nothing but the database can happen in between.

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
        self._level = "FULL" if power_safe else "OFF"
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="database")
        # SQLite lets one writer in and makes the others sleep and try again: those of this process queue in order.
        self._turn = asyncio.Lock() if self.sqlite else nullcontext()
        if self.sqlite:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            given = {"timeout": 30, "synchronous": self._level}
            self.engine = create_async_engine(parsed, connect_args={**given, "async_creator_fn": sqlite.connect})
            self._direct = create_engine(
                parsed.set(drivername="sqlite"),
                pool_size=_THREADS + 1,
                creator=partial(
                    sqlite.opened, parsed.database or "", timeout=30, synchronous=self._level, check_same_thread=False
                ),
            )
        else:
            if parsed.drivername.endswith("+psycopg") and not find_spec("psycopg"):
                raise ConfigError("needs pip install 'naryad[postgres]'", source="environment", field="DATABASE_URL")
            self.engine = create_async_engine(parsed, pool_pre_ping=True)
            self._direct = create_engine(parsed, pool_size=_THREADS + 1, pool_pre_ping=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for looking; whoever changes something uses `write`."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back on any error.

        On SQLite it takes the write lock at once: a transaction that reads first and writes later
        would fail with «database is locked» instead of waiting for its turn.
        """
        async with self._turn, AsyncSession(self.engine, expire_on_commit=False) as session:
            if self.sqlite:
                await (await session.connection()).execute(text("BEGIN IMMEDIATE"))
            yield session
            await session.commit()

    async def look(self, work: Callable[[Session], T]) -> T:
        """Run a function that only reads, in a thread."""

        def run() -> T:
            with Session(self._direct, expire_on_commit=False) as session:
                return work(session)

        return await self._in_thread(run)

    async def transact(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        """Run a function as one transaction, in a thread: committed at its end, rolled back on any error.

        Whoever is cancelled meanwhile waits for its end, so that it happened wholly or not at all.

        Args:
            work: What to do; it may raise, and may roll back itself.
            durable: Whether SQLite waits for the disk. Without it a power cut may take the last such commits back,
                never one of the middle, and the next durable commit keeps them too. For what only tells.
        """

        def run() -> T:
            with Session(self._direct, expire_on_commit=False) as session:
                if self.sqlite:
                    connection = session.connection()
                    level = self._level if durable or self._level == "OFF" else "NORMAL"
                    connection.exec_driver_sql(f"PRAGMA synchronous={level}")
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = work(session)
                session.commit()
                return result

        async with self._turn:
            return await self._in_thread(run)

    async def _in_thread(self, run: Callable[[], T]) -> T:
        return await to_its_end(asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, run))

    async def ping(self) -> None:
        """Raise `NaryadError` unless the database answers."""
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            why = str(getattr(error, "orig", error)).splitlines()[0]
            raise NaryadError(_("The database does not answer: {why}").format(why=masking.secrets(why))) from error

    async def serialize(self, session: AsyncSession, name: str) -> None:
        """The same as `hold`, for a session that `write` gave out."""
        await session.run_sync(self.hold, name)

    def hold(self, session: Any, name: str) -> None:
        """Wait until no other transaction holds `name`; held to the end of this one.

        SQLite has one writer at a time anyway.
        """
        if not self.sqlite:
            session.connection().execute(_LOCK, {"name": name})

    async def close(self) -> None:
        """Give back every connection."""
        await self.engine.dispose()
        await asyncio.to_thread(self._threads.shutdown)
        self._direct.dispose()
