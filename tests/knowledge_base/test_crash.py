"""What is left when the process dies while documents are taken in."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge_base.base import KnowledgeBase
from naryad.db import migrate
from naryad.db.session import Database

DOCUMENTS = 200


@pytest.mark.slow
async def test_a_process_that_dies_midway_leaves_all_of_them_or_none(tmp_path: Path) -> None:
    """Killed at any moment: the base is whole, the next try takes the rest, and no document is there twice."""
    home, folder, chance = tmp_path / "home", tmp_path / "documents" / "en", random.Random(1)
    folder.mkdir(parents=True)
    for number in range(DOCUMENTS):
        (folder / f"d{number}.md").write_text(f"# Document {number}\n\n{'word ' * 200}")
    command = [sys.executable, "-m", "cli.main", "kb", "ingest", str(folder)]
    environment = {**os.environ, "NARYAD_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    for _attempt in range(4):
        process = await asyncio.to_thread(subprocess.Popen, command, env=environment, stderr=subprocess.DEVNULL)
        await asyncio.sleep(chance.uniform(0.5, 4))
        process.kill()
        await asyncio.to_thread(process.wait)
        if not (home / "naryad.db").exists():
            continue
        database = Database(f"sqlite+aiosqlite:///{home / 'naryad.db'}")
        await migrate.upgrade(database)
        assert await KnowledgeBase(database).store.revision() in (0, DOCUMENTS)
        await database.close()
    database = Database(f"sqlite+aiosqlite:///{home / 'naryad.db'}")
    await migrate.upgrade(database)
    base = KnowledgeBase(database)
    await base.ingest([folder], "local:anna")
    assert [row.version for row in await base.store.current()] == [1] * DOCUMENTS
    await base.refresh()
    assert (await base.search("document 77", [], k=1))[0].document_id == "d77"
    await database.close()
