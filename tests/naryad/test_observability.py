"""What happens is seen from outside, in words of OpenTelemetry's, and without a word of what was said or meant."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from langchain_core.messages import HumanMessage

from naryad import observability
from naryad.db import migrate
from naryad.db.session import Database
from naryad.errors import ConfigError
from naryad.llm.breaker import Breaker
from naryad.llm.chain import Chain, Link
from naryad.llm.openai import OpenAIProvider
from naryad.observability import Kind, Operation, operation, traced, watched
from naryad.settings import Settings
from naryad.testing.openai_server import OpenAIServer, Reply
from tests.naryad.crew import open_crew
from tests.needs import needs_package

POLICY = """version: 1
rules:
  - name: all
    action: allow
    granted_by: anna
    args: {what: .*}
    rate: {count: 9, per: 1h}
    until: 2999-01-01T00:00:00Z
"""


class Collector(ThreadingHTTPServer):
    """Takes spans as an OTLP/HTTP collector does."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.raw = b""
        super().__init__(("127.0.0.1", 0), _Taking)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def by_name(self) -> dict[str, tuple[Any, dict[str, Any]]]:
        """Each span and its attributes."""
        return {
            span.name: (span, {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes})
            for span in self.spans
        }


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        from gzip import decompress

        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        assert isinstance(self.server, Collector)
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.server.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    needs_package("opentelemetry.sdk")
    with Collector() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


async def test_a_run_becomes_spans(collector: Collector, alone: Path) -> None:
    """The agent's, and the tool's inside it; no argument, no secret, no result goes out."""
    alone.mkdir(parents=True)
    (alone / "policy.yaml").write_text(POLICY)
    url = f"sqlite+aiosqlite:///{alone / 'naryad.db'}"
    database = Database(url)
    await migrate.upgrade(database)
    await database.close()
    async with traced(sending(alone, collector)), open_crew(url, alone) as crew:
        await crew.start(["counter_fire", {"what": "hunter22 of anna"}], ["counter_look", {"what": "fail"}])
    seen = collector.by_name()
    agent, told = seen["invoke_agent ops"]
    assert told == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "ops",
        "gen_ai.conversation.id": "t",
        "naryad.outcome": "finished",
    }
    tool, told = seen["execute_tool counter_fire"]
    call = told.pop("gen_ai.tool.call.id")
    assert call.endswith("-0")
    assert told == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "counter_fire",
        "gen_ai.tool.type": "function",
        "gen_ai.conversation.id": "t",
        "naryad.tool.risk": "destructive",
    }
    assert (tool.parent_span_id, tool.trace_id) == (agent.span_id, agent.trace_id)
    failed, told = seen["execute_tool counter_look"]
    assert (failed.status.code, told["error.type"]) == (2, "ToolFailed")
    for said in (b"hunter22", b"told to fail", b"wrote"):
        assert said not in collector.raw


async def test_a_models_answer_becomes_a_span(collector: Collector, alone: Path) -> None:
    """With its tokens, and without a word of the conversation."""
    with await asyncio.to_thread(OpenAIServer, Reply("Pelmeni are ready.")) as server:
        chain = Chain([Link(OpenAIProvider(model="m", base_url=server.url, name="openai"), Breaker(3, 60, 2))])
        async with traced(sending(alone, collector)):
            answer = await chain.complete([HumanMessage("What is in the secret pot?")])
        await chain.close()
    assert answer.usage_metadata
    span, told = collector.by_name()["chat m"]
    assert span.kind == 3  # a client's
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.provider.name": "openai",
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": answer.usage_metadata["input_tokens"],
        "gen_ai.usage.output_tokens": answer.usage_metadata["output_tokens"],
    }
    for said in (b"secret pot", b"Pelmeni"):
        assert said not in collector.raw


async def test_nothing_is_traced_unless_asked_for(alone: Path) -> None:
    """Without an endpoint nobody watches."""
    async with traced(Settings(NARYAD_HOME=alone)):
        assert observability._watches == []


async def test_tracing_needs_its_library(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for it without the extra hears what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"naryad\[otel\]"):
        async with traced(Settings(NARYAD_HOME=alone, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")):
            pass


async def test_a_dead_collector_stops_nothing(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens goes on, and the end is not waited for without end."""
    needs_package("opentelemetry.sdk")
    monkeypatch.setattr(observability, "SEND_S", 1)
    async with (
        asyncio.timeout(60),
        traced(Settings(NARYAD_HOME=alone, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")),
    ):
        with operation(Kind.TOOL, "x", risk="read") as facts:
            facts["outcome"] = "done"


def test_an_operation_tells_its_end() -> None:
    """Its facts and how it broke, to everybody who watches and to nobody after them."""
    seen: list[Operation] = []

    @contextmanager
    def watch(one: Operation) -> Iterator[None]:
        try:
            yield
        finally:
            seen.append(one)

    def broken() -> None:
        with operation(Kind.MODEL, "m", provider="p") as facts:
            facts["usage"] = {}
            raise ZeroDivisionError

    with watched(watch), pytest.raises(ZeroDivisionError):
        broken()
    with operation(Kind.MODEL, "later"):
        pass
    assert seen == [Operation(Kind.MODEL, "m", {"provider": "p", "usage": {}}, "ZeroDivisionError")]


def test_logs_hold_no_secret(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a piece of the product writes, and only from the level that is wanted."""
    before = structlog.get_config()
    monkeypatch.setenv("NARYAD_LOG", "warning")
    try:
        observability.quiet_logs()
        structlog.get_logger().warning("thing.happened", url="http://anna:hunter22@db/", password="hunter22")
        structlog.get_logger().info("thing.passed")
    finally:
        structlog.configure(**before)
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "thing.happened"
    assert "hunter22" not in line


def sending(home: Path, collector: Collector) -> Settings:
    """Settings that send spans there."""
    return Settings(NARYAD_HOME=home, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
