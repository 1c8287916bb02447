"""A reranker decides the order where it answers, and harms nothing where it does not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeSettings
from naryad.db.session import Database
from tests.knowledge_base.conftest import Write


class Model:
    """A public-shaped `/rerank` that likes long texts."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.says: bytes | None = None
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.asked.append({"path": self.path, **given})
                model.keys.append(self.headers["Authorization"])
                rows = [{"index": at, "relevance_score": len(text)} for at, text in enumerate(given["documents"])]
                body = json.dumps({"results": rows}).encode() if model.says is None else model.says
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


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


async def _order(base: KnowledgeBase) -> list[str]:
    return [one.document_id for one in await base.search("fax", [])]


async def test_a_reranker_decides_the_order(database: Database, write: Write, model: Model) -> None:
    """It gets what the reader may see, and its first is also what is quoted."""
    plain = KnowledgeBase(database)
    settings = {"reranker_url": model.url, "reranker_model": "judge", "reranker_key": "hush", "reranker_timeout_s": 60}
    ranked = KnowledgeBase(database, KnowledgeSettings.model_validate(settings))
    paths = [write("a", "fax fax fax"), write("b", "A fax and much else besides."), write("c", "fax", audience="admin")]
    await plain.ingest(paths, "local:anna")
    await plain.refresh()
    assert await _order(plain) == ["a", "b"]
    assert await _order(ranked) == ["b", "a"]
    answer = await ranked.answer("fax", [])
    assert (answer.text, answer.passages[0].document_id) == ("A fax and much else besides.", "b")
    wanted = {"path": "/v1/rerank", "model": "judge", "query": "fax", "top_n": 2}
    assert model.asked[0] == {**wanted, "documents": ["A\nfax fax fax", "B\nA fax and much else besides."]}
    assert set(model.keys) == {"Bearer hush"}
    await ranked.close()


@pytest.mark.parametrize(
    "says", [b"", b"{}", b"[]", b'{"results": [{"index": 0, "relevance_score": 1}]}', b'{"results": [[]]}']
)
async def test_without_the_reranker_the_order_stays(
    database: Database, write: Write, model: Model, says: bytes
) -> None:
    """Nonsense changes nothing, and after some of it in a row the model is not asked."""
    base = KnowledgeBase(database, KnowledgeSettings(reranker_url=model.url, reranker_timeout_s=60))
    await base.ingest([write("a", "fax fax fax"), write("b", "A fax and much else besides.")], "local:anna")
    model.says = says
    for _question in range(5):
        assert await _order(base) == ["a", "b"]
    assert len(model.asked) == 3
    await base.close()
