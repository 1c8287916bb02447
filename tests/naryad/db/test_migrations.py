"""Migrations: the models and the migrated database are the same, on both databases."""

import asyncio
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, inspect, text
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


async def test_the_newest_revision_is_found_without_alembic(database: Database) -> None:
    """The name of its file tells it."""
    async with database.engine.connect() as connection:
        scripts = await connection.run_sync(lambda given: ScriptDirectory.from_config(migrate.config(given)))
    assert scripts.get_heads() == [migrate.head()]


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


async def test_rows_that_point_to_others_outlive_an_upgrade(empty_url: str) -> None:
    """A database that was in use since the first version is brought up to date with all that stands in it."""
    database = Database(empty_url)
    moment = "2026-01-01 00:00:00+00:00"

    def first(connection: Connection) -> None:
        command.upgrade(migrate.config(connection), "0001")
        tables = MetaData()
        tables.reflect(connection)
        thread, queued = tables.tables["thread"], tables.tables["queued_input"]
        fill = {str: "x", int: 1, dict: {}, datetime: datetime.fromisoformat(moment)}

        def row(table: Table, **known: object) -> dict[str, object]:
            needed = [column for column in table.columns if not column.nullable]
            return {column.name: fill.get(column.type.python_type, "x") for column in needed} | known

        connection.execute(thread.insert().values(row(thread, id="t")))
        connection.execute(queued.insert().values(row(queued, id="i", thread_id="t")))

    async with database.engine.connect() as connection:
        await connection.run_sync(first)
        await connection.commit()
    await migrate.upgrade(database)
    async with database.engine.connect() as connection:
        threads = (await connection.execute(text("SELECT id FROM thread"))).scalars().all()
        inputs = (await connection.execute(text("SELECT thread_id FROM queued_input"))).scalars().all()
        assert (threads, inputs) == (["t"], ["t"])
        if database.sqlite:
            assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
    await database.close()


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
