"""Databases for the tests of the kernel: SQLite always, PostgreSQL where its programs are installed."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from naryad.db import migrate
from naryad.db.session import Database
from tests.servers import Postgres, postgres

BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.server)]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=BACKENDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that has no tables yet."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.url(server.database())


@pytest.fixture
async def url(empty_url: str) -> str:
    """A database with all tables."""
    database = Database(empty_url)
    await migrate.upgrade(database)
    await database.close()
    return empty_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    yield opened
    await opened.close()


@pytest.fixture
def tamper(tmp_path: Path) -> Callable[[str], None]:
    """Run SQL behind the product's back on the SQLite file, its triggers out of the way."""

    def run(script: str) -> None:
        with sqlite3.connect(tmp_path / "naryad.db") as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.executescript(script)
        connection.close()

    return run
