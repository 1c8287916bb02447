"""SQLite's driver, made fit for us: a statement and its rows take one trip to the connection's thread, to its end.

aiosqlite takes four trips (cursor, execute, fetch, close), each longer than most of our statements. And whoever is
cancelled on such a trip leaves it: the statement runs on without him, and its lock stays until nobody can write.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Self

import aiosqlite

from naryad.db.waiting import to_its_end


def opened(database: str, *, synchronous: str, **parameters: Any) -> sqlite3.Connection:
    """Open a connection that is ready for use.

    Args:
        database: The file.
        synchronous: Value of `PRAGMA synchronous`. FULL: a started effect must survive a power cut, or it would run
            twice.
        parameters: As `sqlite3.connect` takes them.
    """
    # No isolation level: the driver must not open transactions of its own, we say BEGIN IMMEDIATE.
    made: sqlite3.Connection = sqlite3.connect(database, **parameters, isolation_level=None)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute(f"PRAGMA synchronous={synchronous}")
    made.execute("PRAGMA foreign_keys=ON")
    return made


async def connect(database: str, **parameters: Any) -> "Connection":
    """The same for SQLAlchemy's async dialect: its `async_creator_fn`."""
    connection = Connection(lambda: opened(database, **parameters))
    await connection
    return connection


class Connection(aiosqlite.Connection):
    """A connection whose cursors are ours."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._thread.daemon = True  # SQLAlchemy does the same: a forgotten connection must not hang the exit

    def cursor(self) -> "Cursor":  # type: ignore[override]  # SQLAlchemy enters it, and asks no more of it
        """Give out a cursor; nothing is done yet."""
        return Cursor(self)

    async def rollback(self) -> None:
        """Roll back, if there is anything to."""
        if self.in_transaction:
            await super().rollback()

    async def answer(self, cursor: "Cursor", sql: str, parameters: Any, *, many: bool) -> None:
        """Run a statement in the connection's thread, and fill the cursor there."""

        def run() -> None:
            raw = self._conn.cursor()
            try:
                (raw.executemany if many else raw.execute)(sql, parameters)
                cursor.rows = [] if many else raw.fetchall()
                cursor.description, cursor.rowcount, cursor.lastrowid = raw.description, raw.rowcount, raw.lastrowid
            finally:
                raw.close()

        await self._execute(run)

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Every trip to the thread, aiosqlite's own too."""
        return await to_its_end(super()._execute(fn, *args, **kwargs))  # type: ignore[no-untyped-call]


class Cursor:
    """What SQLAlchemy needs of a cursor: the rows are there when `execute` returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.rows: list[Any] = []
        self.description: Any = None
        self.rowcount, self.arraysize = -1, 1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement and take its rows."""
        await self._connection.answer(self, sql, parameters, many=False)

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of the parameters."""
        await self._connection.answer(self, sql, parameters, many=True)

    async def fetchall(self) -> list[Any]:
        """Hand the rows over."""
        return self.rows

    async def close(self) -> None:
        """Nothing is left open."""
