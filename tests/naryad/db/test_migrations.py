"""Migrations: the models and the migrated database are the same, on both databases."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

import naryad.db.models  # noqa: F401  registers every table
from naryad.db import migrate
from naryad.db.session import Database
from naryad.events import EventLog, EventType

ROOT = Path(__file__).parents[3]


async def test_the_models_are_what_the_migrations_make(database: Database) -> None:
    """Alembic finds nothing to change, in types, defaults, indexes and constraints alike."""

    def difference(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


async def test_a_second_upgrade_changes_nothing(empty_url: str) -> None:
    """The first one makes the tables, the next finds them."""
    database = Database(empty_url)
    before, head = await migrate.upgrade(database)
    assert (before, await migrate.upgrade(database)) == (None, (head, head))
    await database.close()


async def test_a_downgrade_leaves_nothing(database: Database) -> None:
    """Every table and function goes, and can be made again."""

    def down(connection: Connection) -> list[str]:
        command.downgrade(migrate.config(connection), "base")
        return sorted(inspect(connection).get_table_names())

    async with database.engine.connect() as connection:
        assert await connection.run_sync(down) == ["alembic_version"]
        await connection.commit()
    assert (await migrate.upgrade(database))[0] is None
    await EventLog(database).append("t", EventType.STATUS, text="again")


UPGRADE = """
import asyncio, sys
from naryad.db import migrate
from naryad.db.session import Database
from naryad.events import EventLog, EventType

async def main():
    database = Database(sys.argv[1])
    await asyncio.to_thread(sys.stdin.readline)
    await migrate.upgrade(database)
    await EventLog(database).append("t", EventType.STATUS, text="here")
    await database.close()

asyncio.run(main())
"""


@pytest.mark.slow
async def test_processes_upgrading_at_once_wait_for_each_other(empty_url: str) -> None:
    """Four processes meet an empty database at the same moment; all of them can work with it after."""

    def race() -> list[int]:
        children = [
            subprocess.Popen([sys.executable, "-c", UPGRADE, empty_url], cwd=ROOT, stdin=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for child in children:
            child.communicate("go\n", timeout=100)
        return [child.returncode for child in children]

    assert await asyncio.to_thread(race) == [0] * 4
    database = Database(empty_url)
    assert len(await EventLog(database).since("t")) == 4
    await database.close()
