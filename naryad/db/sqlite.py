"""SQLite without waste: a statement and its rows take one trip to the connection's thread.

aiosqlite takes four (cursor, execute, fetch, close), and a trip costs more than most of our statements do.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Self

import aiosqlite


async def connect(database: str, *, synchronous: str, **parameters: Any) -> "Connection":
    """Open a connection: the `async_creator_fn` of SQLAlchemy's dialect.

    Args:
        database: The file.
        synchronous: Value of `PRAGMA synchronous`.
        parameters: As `sqlite3.connect` takes them.
    """

    def open_file() -> sqlite3.Connection:
        # No isolation level: the driver must not open transactions of its own, `Database.write` says BEGIN IMMEDIATE.
        made: sqlite3.Connection = sqlite3.connect(database, **parameters, isolation_level=None)
        made.execute("PRAGMA journal_mode=WAL")
        made.execute(f"PRAGMA synchronous={synchronous}")
        made.execute("PRAGMA foreign_keys=ON")
        return made

    connection = Connection(open_file)
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

        await self._execute(run)  # type: ignore[no-untyped-call]


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
