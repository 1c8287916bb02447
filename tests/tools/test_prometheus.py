"""Prometheus tools ask a real Prometheus that scrapes a real node exporter."""

import asyncio
import json
import math
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from naryad.errors import ToolFailed
from naryad.tooling import Risk
from tests.needs import needs
from tests.tools.conftest import CallTool
from tools.prometheus import client as prometheus_client
from tools.prometheus.reduction import reduced
from tools.prometheus.tools import PrometheusTools

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{folder}/rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
  - job_name: gone
    static_configs: [{{targets: ["127.0.0.1:1"]}}]
"""
RULES = """
groups:
  - name: test
    rules:
      - alert: TargetDown
        expr: up == 0
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is down, password=hunter2"}
      - alert: Later
        expr: up == 1
        for: 10h
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def ready(url: str) -> bool:
    """Both targets were scraped and the alert fires."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/alerts", timeout=2) as answer:
            alerts = json.load(answer)["data"]["alerts"]
    except (urllib.error.URLError, OSError):
        return False
    return {"firing", "pending"} <= {alert["state"] for alert in alerts}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with a minute's worth of nothing and a few seconds of data."""
    server, exporter = needs("prometheus"), needs("prometheus-node-exporter")
    folder = tmp_path_factory.mktemp("prometheus")
    exporter_port, port = free_port(), free_port()
    (folder / "prometheus.yml").write_text(CONFIG.format(folder=folder, exporter=exporter_port))
    (folder / "rules.yml").write_text(RULES)
    commands: list[list[str | Path]] = [
        [exporter, f"--web.listen-address=127.0.0.1:{exporter_port}"],
        [
            server,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
    ]
    with (folder / "log").open("wb") as log:
        processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not ready(address):
            assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.2)
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture
def prometheus(url: str) -> PrometheusTools:
    return PrometheusTools(f"{url}/")


server = pytest.mark.server


@server
async def test_query_gives_labels_and_value(call: CallTool, prometheus: PrometheusTools) -> None:
    """An instant query gives one value a series."""
    found = await call(prometheus, "prometheus_query", query="up")
    values = {series["labels"]["job"]: series["last"] for series in found["series"]}
    assert values == {"node": 1.0, "gone": 0.0}
    assert found["omitted"] == 0


@server
@pytest.mark.parametrize(
    ("query", "last"),
    [("1 + 1", 2.0), ("vector(0) / vector(0)", None), ("vector(1) / vector(0)", None), ('"text"', None)],
)
async def test_odd_values_have_a_place_in_json(
    call: CallTool, prometheus: PrometheusTools, query: str, last: float | None
) -> None:
    """Scalars are series too; NaN, infinity and text are null."""
    found = await call(prometheus, "prometheus_query", query=query)
    assert [series["last"] for series in found["series"]] == [last]
    assert "NaN" not in json.dumps(found)


@server
async def test_range_is_reduced_to_figures_and_points(call: CallTool, prometheus: PrometheusTools) -> None:
    """A day at one second would be 86,400 points: the step grows, and 60 points remain with true extremes."""
    found = await call(prometheus, "prometheus_query_range", query="time() % 1000", minutes=24 * 60, step_s=1)
    (series,) = found["series"]
    assert found["step_s"] == 8
    assert len(series["points"]) == 60
    assert series["min"] <= series["p95"] <= series["max"] < 1000
    assert series["max"] > 950
    assert series["points"][-1][1] == series["last"]


@server
async def test_the_step_is_chosen_to_fit(call: CallTool, prometheus: PrometheusTools) -> None:
    """A year is answered, an hour has a step of seconds."""
    year = await call(prometheus, "prometheus_query_range", query="vector(1)", minutes=527_040)
    hour = await call(prometheus, "prometheus_query_range", query="vector(1)")
    finest = await call(prometheus, "prometheus_query_range", query="vector(1)", minutes=527_040, step_s=1)
    assert len(year["series"][0]["points"]) == 60
    assert hour["step_s"] == 15
    assert finest["step_s"] > 2800


@server
async def test_many_series_are_cut_and_counted(call: CallTool, prometheus: PrometheusTools) -> None:
    """A query that gives hundreds of series shows 20 and says how many it left out."""
    found = await call(prometheus, "prometheus_query", query='{job="node"}')
    assert len(found["series"]) == 20
    assert found["omitted"] > 100
    listed = await call(prometheus, "prometheus_series", match='{job="node"}', limit=3)
    assert len(listed["series"]) == 3
    assert listed["omitted"] > 100
    assert listed["series"][0]["job"] == "node"


@server
async def test_alerts_and_targets(call: CallTool, prometheus: PrometheusTools) -> None:
    """Firing alerts come first with their annotations masked; a broken target comes first with its error."""
    alerts = (await call(prometheus, "prometheus_alerts"))["alerts"]
    assert [(alert["name"], alert["state"]) for alert in alerts] == [("TargetDown", "firing"), ("Later", "pending")]
    assert alerts[0]["labels"]["severity"] == "critical"
    assert "hunter2" not in json.dumps(alerts)
    found = await call(prometheus, "prometheus_targets")
    assert [(target["job"], target["health"]) for target in found["targets"]] == [("gone", "down"), ("node", "up")]
    assert "refused" in found["targets"][0]["error"]
    assert found["down"] == 1


@server
@pytest.mark.parametrize("tool", ["prometheus_query", "prometheus_query_range"])
async def test_a_bad_query_is_told_in_its_own_words(call: CallTool, prometheus: PrometheusTools, tool: str) -> None:
    """The model reads what is wrong with its PromQL."""
    with pytest.raises(ToolFailed, match=r"HTTP 400.*parse error"):
        await call(prometheus, tool, query="sum(")


@server
async def test_a_query_that_takes_too_long_is_told(
    call: CallTool, prometheus: PrometheusTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own time limit ends it, and its words are passed on."""
    monkeypatch.setattr(prometheus_client, "_QUERY_S", 0.000001)
    with pytest.raises(ToolFailed, match=r"HTTP 503.*timed out"):
        await call(prometheus, "prometheus_query", query='count({job="node"})')


@server
async def test_a_huge_answer_is_not_swallowed(
    call: CallTool, prometheus: PrometheusTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit reading stops with a hint."""
    monkeypatch.setattr(prometheus_client, "_ANSWER_BYTES", 10_000)
    with pytest.raises(ToolFailed, match="narrow the query"):
        await call(prometheus, "prometheus_query", query='{job="node"}')


async def test_a_dead_server_fails_at_once(call: CallTool) -> None:
    """No retries: the failure names the server without its password, and its reason."""
    tools = PrometheusTools("http://me:hunter2@127.0.0.1:1")
    started = time.monotonic()
    with pytest.raises(ToolFailed, match=r"cannot be reached \(Connection refused\)") as caught:
        await call(tools, "prometheus_query", query="up")
    assert time.monotonic() - started < 5
    assert "hunter2" not in caught.value.message


async def test_something_else_on_the_port_is_told(call: CallTool) -> None:
    """An answer that is not Prometheus' is a failure with a plain message."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(handler, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        for name in ("prometheus_alerts", "prometheus_targets"):
            with pytest.raises(ToolFailed, match="not Prometheus'"):
                await call(PrometheusTools(f"http://127.0.0.1:{port}"), name)


def test_figures_leave_out_what_is_no_number() -> None:
    """NaN samples are null points and do not spoil the mean; an empty series has no figures."""
    raw = [{"metric": {"a": "b"}, "values": [[1, "1"], [2, "NaN"], [3, "3"]]}, {"metric": {}, "values": [[1, "NaN"]]}]
    first, second = reduced(raw)["series"]
    assert (first["min"], first["max"], first["mean"], first["p95"], first["last"]) == (1, 3, 2, 3, 3)
    assert first["points"] == [[1, 1], [2, None], [3, 3]]
    assert (second["min"], second["mean"], second["p95"], second["last"]) == (None, None, None, None)
    assert reduced([]) == {"series": [], "omitted": 0}


def test_the_95th_percentile_is_a_real_value() -> None:
    """Of 1..100 it is 95."""
    raw = [{"metric": {}, "values": [[number, str(number)] for number in range(1, 101)]}]
    (series,) = reduced(raw)["series"]
    assert series["p95"] == 95
    assert math.isclose(series["mean"], 50.5)


def test_every_prometheus_tool_only_looks() -> None:
    """No Prometheus tool is declared with an effect."""
    assert {tool.card.risk for tool in PrometheusTools("http://127.0.0.1:1").tools()} == {Risk.READ}
