"""Databases for the tests of the kernel: SQLite always, PostgreSQL where its programs are installed."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from naryad.db import migrate
from naryad.db.session import Database
from tests.migrated import on_postgres
from tests.servers import Postgres, postgres

BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.server)]


@pytest.fixture(scope="session")
def postgres_process() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_server(postgres_process: Postgres) -> Iterator[Postgres]:
    """The one server of all tests, without what the others left."""
    yield postgres_process
    postgres_process.clear()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Postgres | None:
    """The server, or None for SQLite."""
    return request.getfixturevalue("postgres_server") if request.param == "postgres" else None


@pytest.fixture
def empty_url(backend: Postgres | None, tmp_path: Path) -> str:
    """A database that has no tables yet."""
    return backend.url(backend.database()) if backend else f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}"


@pytest.fixture
async def url(backend: Postgres | None, tmp_path: Path) -> str:
    """A database with all tables."""
    if backend:
        return backend.url(backend.database(await on_postgres(backend, migrate.upgrade)))
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}")
    await migrate.upgrade(database)
    await database.close()
    return f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}"


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
