"""Vectors of a model: asked for once, kept, never shown to whom they are not meant for, and missed without harm."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeSettings
from naryad.db import migrate
from naryad.db.session import Database
from tests.knowledge_base.conftest import Write
from tests.servers import Postgres

pytest.importorskip("chromadb")
SERVER = pytest.mark.server
CAR, CHEESE = ("car", "automobile", "vehicle"), ("cheese", "gouda")


class Model:
    """A public-shaped `/embeddings` that knows what cars and cheese are."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken, self.longer = False, 0
        self.most, self.released = 1000, threading.Event()
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
                model.asked += texts
                if len(texts) > model.most:
                    model.released.wait(200)
                rows = [{"index": at, "embedding": model.vector(text)} for at, text in enumerate(texts)]
                body = json.dumps({"data": rows[::-1]}).encode()
                self.send_response(500 if model.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):  # whoever asked waits no more
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    @property
    def passages(self) -> list[str]:
        """What was embedded to be kept."""
        return [text for text in self.asked if "\n" in text]

    def vector(self, text: str) -> list[float]:
        """How much of each subject there is."""
        words = text.lower().split()
        about = [float(sum(one in words for one in CAR)), float(sum(one in words for one in CHEESE)), 0.1]
        return about + [0.0] * self.longer


@pytest.fixture
def model() -> Iterator[Model]:
    """A running model."""
    model = Model()
    thread = threading.Thread(target=model.server.serve_forever, daemon=True)
    thread.start()
    yield model
    model.released.set()
    model.server.shutdown()
    model.server.server_close()
    thread.join()


@dataclass(frozen=True)
class Kept:
    """A base whose vectors are kept in one of the places."""

    database: Database
    settings: KnowledgeSettings

    def base(self) -> KnowledgeBase:
        return KnowledgeBase(self.database, self.settings)


@pytest.fixture(params=["folder", pytest.param("server", marks=SERVER), pytest.param("database", marks=SERVER)])
async def kept(request: pytest.FixtureRequest, model: Model, tmp_path: Path) -> AsyncIterator[Kept]:
    """Chroma in a folder, Chroma's server, and PostgreSQL with pgvector."""
    place = request.param
    at = request.getfixturevalue("chroma_server") if place == "server" else "database" if place == "database" else ""
    settings = KnowledgeSettings(
        embeddings="http", embeddings_url=model.url, vectors=tmp_path / "vectors", vectors_at=at,
        embeddings_model=f"model of {tmp_path.name}",
    )  # fmt: skip
    if place == "database":
        server: Postgres = request.getfixturevalue("pgvector_server")
        database = Database(server.url(server.database()))
    else:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}", power_safe=False)
    await migrate.upgrade(database)
    yield Kept(database, settings)
    await database.close()


@pytest.mark.may_block  # Chroma's own
async def test_the_model_finds_what_words_do_not(kept: Kept, write: Write, model: Model) -> None:
    """Another word for the subject finds it; unchanged passages are never embedded again; readers are kept apart."""
    base = kept.base()
    path = write("garage", "The automobile stands below.")
    write("kitchen", "Gouda lies in the fridge.")
    write("secret", "The vehicle car automobile of the director.", audience="manager")
    await base.ingest([path.parent], "local:anna")
    await base.refresh()
    assert [one.document_id for one in await base.search("car", ["user"], k=1)] == ["garage"]
    assert [one.document_id for one in await base.search("vehicle", ["manager"], k=1)] == ["secret"]
    model.asked.clear()
    again = kept.base()
    await again.refresh()
    assert model.passages == []
    write("garage", "The automobile was sold.")
    await again.ingest([path], "local:anna")
    await again.refresh()
    assert model.passages == ["Garage\nThe automobile was sold."]
    assert [one.document_id for one in await again.search("vehicle", ["user"], k=1)] == ["garage"]
    await base.close()
    await again.close()


@pytest.mark.may_block  # Chroma's own
async def test_without_the_model_the_words_still_find(kept: Kept, write: Write, model: Model) -> None:
    """A model that fails at a question, or while the index is built, costs its vectors and nothing else."""
    base = kept.base()
    await base.ingest([write("garage", "The automobile stands below.")], "local:anna")
    await base.refresh()
    model.broken = True
    assert [one.document_id for one in await base.search("automobile", [])] == ["garage"]
    await base.ingest([write("kitchen", "Gouda lies in the fridge.")], "local:anna")
    assert await base.refresh()
    assert [one.document_id for one in await base.search("gouda", [])] == ["kitchen"]
    assert await base.search("cheese", []) == []
    model.broken = False
    assert not await base.refresh()
    assert [one.document_id for one in await base.search("cheese", [], k=1)] == ["kitchen"]
    await base.close()


@pytest.mark.may_block  # Chroma's own
async def test_a_model_whose_vectors_became_longer_is_another_model(kept: Kept, write: Write, model: Model) -> None:
    """Vectors of two lengths never meet: what is kept is embedded anew, and the words answer until it is."""
    base = kept.base()
    paths = [write("garage", "The automobile stands below."), write("kitchen", "Gouda lies in the fridge.")]
    await base.ingest(paths, "local:anna")
    await base.refresh()
    model.longer = 2
    assert [one.document_id for one in await base.search("automobile", [])] == ["garage"]
    again = kept.base()
    await again.refresh()
    assert [one.document_id for one in await again.search("car", [], k=1)] == ["garage"]


@pytest.fixture
async def slow(request: pytest.FixtureRequest, model: Model, tmp_path: Path) -> AsyncIterator[KnowledgeBase]:
    """A base whose model is waited for: three seconds by a question, as long as the test says by passages."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}", power_safe=False)
    await migrate.upgrade(database)
    settings = KnowledgeSettings(
        embeddings="http", embeddings_url=model.url, vectors=tmp_path / "vectors", folders=(),
        embeddings_timeout_s=3, embeddings_batch_timeout_s=request.param, refresh_s=0.1,
    )  # fmt: skip
    base = KnowledgeBase(database, settings)
    yield base
    model.released.set()
    await base.close()
    await database.close()


@pytest.mark.may_block  # Chroma's own
@pytest.mark.parametrize("slow", [3], indirect=True)
async def test_a_slow_model_gets_fewer_passages_at_once(slow: KnowledgeBase, write: Write, model: Model) -> None:
    """It becomes ready, and none of what it has done is asked for again."""
    model.most = 40
    paths = [write(f"garage-{number}", "The automobile stands below.") for number in range(70)]
    await slow.ingest(paths, "local:anna")
    async with asyncio.timeout(90):
        await slow.refresh()
        assert len(model.passages) == 64 + 70
        await slow.ingest([write("kitchen", "Gouda lies in the fridge.")], "local:anna")
        await slow.refresh()
    assert len(model.passages) == 64 + 70 + 1
    assert [one.document_id for one in await slow.search("cheese", [], k=1)] == ["kitchen"]


@pytest.mark.may_block  # Chroma's own
@pytest.mark.parametrize("slow", [600], indirect=True)
async def test_a_model_that_hangs_keeps_no_question_waiting(slow: KnowledgeBase, write: Write, model: Model) -> None:
    """The words answer while passages are embedded, what is new is indexed; a few failures in a row are enough."""
    model.most = 0
    await slow.ingest([write("garage", "The automobile stands below.")], "local:anna")
    following = asyncio.create_task(slow.run())
    async with asyncio.timeout(90):
        assert await slow.search("automobile", [], k=1)
        await slow.ingest([write("kitchen", "Gouda lies in the fridge.")], "local:anna")
        while not await slow.search("gouda", []):
            await asyncio.sleep(0.05)
    assert not following.done()
    following.cancel()
    model.most = 1000
    model.released.set()
    await slow.refresh()
    model.released.clear()
    model.most = 0
    for _question in range(5):
        assert await slow.search("automobile or not", [], k=1)
    assert model.asked.count("automobile or not") == 3


@pytest.mark.may_block  # Chroma's own
@pytest.mark.parametrize("at", ["http://127.0.0.1:9", "database"])
async def test_without_a_place_for_vectors_the_words_still_find(
    write: Write, model: Model, tmp_path: Path, at: str
) -> None:
    """A Chroma server that is not there, and a database that keeps no vectors, cost the vectors and nothing else."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}", power_safe=False)
    await migrate.upgrade(database)
    base = KnowledgeBase(database, KnowledgeSettings(embeddings="http", embeddings_url=model.url, vectors_at=at))
    await base.ingest([write("garage", "The automobile stands below.")], "local:anna")
    assert await base.refresh()
    assert [one.document_id for one in await base.search("automobile", [])] == ["garage"]
    await database.close()
