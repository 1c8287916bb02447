"""A database and a way to write documents."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from naryad.db import migrate
from naryad.db.session import Database

Write = Callable[..., Path]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database, up to date."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}", power_safe=False)
    await migrate.upgrade(database)
    yield database
    await database.close()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a Markdown document with front matter, and give its path."""

    def write(name: str, text: str, lang: str = "en", **about: object) -> Path:
        path = tmp_path / "documents" / lang / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        front = {"id": name, "title": name.capitalize(), **about}
        lines = "\n".join(f"{key}: {value}" for key, value in front.items())
        path.write_text(f"---\n{lines}\n---\n{text}\n", encoding="utf-8")
        return path

    return write
