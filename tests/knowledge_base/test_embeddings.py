"""Vectors of a model: asked for once, kept, never shown to whom they are not meant for, and missed without harm."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeSettings
from naryad.db.session import Database
from tests.knowledge_base.conftest import Write

pytest.importorskip("chromadb")
CAR, CHEESE = ("car", "automobile", "vehicle"), ("cheese", "gouda")


class Model:
    """A public-shaped `/embeddings` that knows what cars and cheese are."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
                model.asked += texts
                rows = [{"index": at, "embedding": model.vector(text)} for at, text in enumerate(texts)]
                body = json.dumps({"data": rows[::-1]}).encode()
                self.send_response(500 if model.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    @staticmethod
    def vector(text: str) -> list[float]:
        """How much of each subject there is."""
        words = text.lower().split()
        return [float(sum(one in words for one in CAR)), float(sum(one in words for one in CHEESE)), 0.1]


@pytest.fixture
def model() -> Iterator[Model]:
    """A running model."""
    model = Model()
    thread = threading.Thread(target=model.server.serve_forever, daemon=True)
    thread.start()
    yield model
    model.server.shutdown()
    model.server.server_close()
    thread.join()


def _settings(model: Model, tmp_path: Path) -> KnowledgeSettings:
    return KnowledgeSettings(embeddings="http", embeddings_url=model.url, vectors=tmp_path / "vectors")


@pytest.mark.may_block  # Chroma's own
async def test_the_model_finds_what_words_do_not(
    database: Database, write: Write, model: Model, tmp_path: Path
) -> None:
    """Another word for the subject finds it; unchanged passages are never embedded again; readers are kept apart."""
    base = KnowledgeBase(database, _settings(model, tmp_path))
    path = write("garage", "The automobile stands below.")
    write("kitchen", "Gouda lies in the fridge.")
    write("secret", "The vehicle car automobile of the director.", audience="manager")
    await base.ingest([path.parent], "local:anna")
    await base.refresh()
    assert [one.document_id for one in await base.search("car", ["user"], k=1)] == ["garage"]
    assert [one.document_id for one in await base.search("vehicle", ["manager"], k=1)] == ["secret"]
    before = len(model.asked)
    again = KnowledgeBase(database, _settings(model, tmp_path))
    await again.refresh()
    assert len(model.asked) == before
    write("garage", "The automobile was sold.")
    await again.ingest([path], "local:anna")
    await again.refresh()
    assert len(model.asked) == before + 1
    await base.close()
    await again.close()


@pytest.mark.may_block  # Chroma's own
async def test_without_the_model_the_words_still_find(
    database: Database, write: Write, model: Model, tmp_path: Path
) -> None:
    """A model that fails at a question, or while the index is built, costs its vectors and nothing else."""
    base = KnowledgeBase(database, _settings(model, tmp_path))
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
