"""A database that the real migrations made once: tests begin with copies of it, for making one takes half a second."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from naryad.db.session import Database
from tests.servers import Postgres

Upgrade = Callable[[Database], Coroutine[Any, Any, tuple[str | None, str]]]


def by_copy(real: Upgrade, template: Path) -> Upgrade:
    """`migrate.upgrade` that copies the template into a new SQLite database; any other is really upgraded.

    Args:
        real: What applies the migrations.
        template: Where the template is, or will be at the first need.
    """

    async def upgrade(database: Database) -> tuple[str | None, str]:
        file = database.engine.url.database if database.sqlite else None
        if not file or file == ":memory:":
            return await real(database)
        if not template.exists():
            made = Database(f"sqlite+aiosqlite:///{template}.new", power_safe=False)
            await real(made)
            await made.close()
            Path(f"{template}.new").rename(template)
        copied = await asyncio.to_thread(_copied, template, file)
        before, head = await real(database)
        return None if copied else before, head

    return upgrade


def _copied(template: Path, file: str) -> bool:
    """Copy it into a database without tables; False where there are some."""
    with sqlite3.connect(template) as source, sqlite3.connect(file, timeout=30) as target:
        fresh = target.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        if fresh:
            source.backup(target)
    source.close()
    target.close()
    return bool(fresh)


async def on_postgres(server: Postgres, real: Upgrade) -> str:
    """The name of the server's template, which is made at the first need."""
    if not server.template:
        name = server.database()
        made = Database(server.url(name))
        await real(made)
        await made.close()
        server.template = name
    return server.template
