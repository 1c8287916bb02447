"""What is counted of each agent, by the version of what it is made of."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from naryad import prompts
from naryad.errors import ConfigError, LLMUnavailable, ToolFailed
from naryad.llm import prices
from naryad.llm.chain import Chain
from naryad.observability import Kind, operation, watched
from naryad.settings import Settings
from server.metrics import versions
from server.metrics.meters import Meters
from server.metrics.versions import AgentVersion
from server.parts import Parts

PRICES = """currency: RUB
models:
  gpt-4.1-mini: {input: 40, output: "160.5"}
"""
Read = Callable[..., dict[tuple[str, ...], float]]


@pytest.fixture
def settings(alone: Path) -> Settings:
    alone.mkdir(parents=True, exist_ok=True)
    (alone / "prices.yaml").write_text(PRICES)
    return Settings(NARYAD_HOME=alone)


@pytest.fixture
def meters(settings: Settings) -> Iterator[Meters]:
    made = Meters(prices.load(settings))
    made.know({"ops": AgentVersion("v1", "0.1", "m")})
    with watched(made.watch):
        yield made


@pytest.fixture
def read(meters: Meters) -> Read:
    """The samples of a metric by the values of the labels that are named."""

    def samples(name: str, *labels: str) -> dict[tuple[str, ...], float]:
        families = text_string_to_metric_families(generate_latest(meters.registry).decode())
        found = [sample for family in families for sample in family.samples if sample.name == name]
        return {tuple(sample.labels[label] for label in labels): sample.value for sample in found}

    return samples


async def test_tokens_and_their_price_belong_to_an_agent(read: Read) -> None:
    """By the run around the model's answer, also in its tasks; a model without a price costs nothing here."""

    async def answer(model: str, provider: str) -> None:
        with operation(Kind.MODEL, model, provider=provider) as facts:
            facts["usage"] = {"input_tokens": 2_000_000, "output_tokens": 1_000_000}

    with operation(Kind.AGENT, "ops"):
        await asyncio.gather(answer("gpt-4.1-mini", "openai"), answer("qwen3", "local"))
    await answer("qwen3", "local")
    assert read("naryad_llm_tokens_total", "agent", "version", "model", "direction") == {
        ("ops", "v1", "gpt-4.1-mini", "input"): 2_000_000,
        ("ops", "v1", "gpt-4.1-mini", "output"): 1_000_000,
        ("ops", "v1", "qwen3", "input"): 2_000_000,
        ("ops", "v1", "qwen3", "output"): 1_000_000,
        ("", "", "qwen3", "input"): 2_000_000,
        ("", "", "qwen3", "output"): 1_000_000,
    }
    assert read("naryad_llm_cost_total", "agent", "model", "currency") == {("ops", "gpt-4.1-mini", "RUB"): 240.5}


def broken(agent: str, error: type[BaseException]) -> None:
    """A run that ends in an error."""
    with pytest.raises(error), operation(Kind.AGENT, agent):
        raise error("secret=hunter2")


def test_errors_are_counted_by_their_kind(read: Read) -> None:
    """A cancelled run is no error; no text of an error comes out."""
    broken("ops", ToolFailed)
    broken("ops", ZeroDivisionError)
    broken("ops", asyncio.CancelledError)
    assert read("naryad_run_errors_total", "agent", "error") == {
        ("ops", "ToolFailed"): 1,
        ("ops", "ZeroDivisionError"): 1,
    }
    assert read("naryad_runs_total", "outcome") == {
        ("waiting",): 0,
        ("finished",): 0,
        ("failed",): 2,
        ("cancelled",): 1,
    }


async def test_a_run_without_a_model_is_degraded(read: Read) -> None:
    """Each once, however often it asked in vain."""
    chain = Chain([])
    for runs in range(3):
        with operation(Kind.AGENT, "ops") as facts:
            facts["outcome"] = "finished"
            for _question in range(runs):
                with pytest.raises(LLMUnavailable):
                    await chain.complete([])
    assert read("naryad_runs_degraded_total", "agent", "version") == {("ops", "v1"): 2}
    assert read("naryad_runs_total", "outcome")["finished",] == 3


def test_words_of_a_graph_make_no_flood_of_series(read: Read) -> None:
    """A plugin's graph may end each run in another word."""
    for n in range(60):
        with operation(Kind.AGENT, "ops") as facts:
            facts |= {"outcome": "finished", "result": f"word {n}"}
    found = read("naryad_run_results_total", "result")
    assert (len(found), found["other",]) == (21, 40)


def test_a_version_is_of_what_the_agent_is_made_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same in every process; another with another prompt, another model, and for another agent."""
    before = versions.of("ops", ["gpt-4.1-mini"])
    assert versions.of("ops", ["gpt-4.1-mini"]) == before
    others = [versions.of("ops", ["gpt-4.1"]), versions.of("ops", []), versions.of("plugin", ["gpt-4.1-mini"])]
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "diagnose.md").write_text("other words")
    monkeypatch.setattr(prompts, "folder", lambda: tmp_path)
    others.append(versions.of("ops", ["gpt-4.1-mini"]))
    assert len({one.digest for one in [before, *others]}) == 5


async def test_every_agent_has_its_series_from_the_beginning(parts: Parts, client: httpx.AsyncClient) -> None:
    """A rate sees no increase in a series that begins with its first failure."""
    text = (await client.get("/metrics", headers={"Host": "localhost"})).text
    version = versions.of_crew(parts.crew)["ops"]
    assert f'naryad_runs_total{{agent="ops",outcome="failed",version="{version.digest}"}} 0.0' in text
    assert f'version="{version.digest}"}} 1.0' in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(
    "text",
    ["models: {}", "currency: rubles\nmodels: {}", "currency: RUB\nmodels: {m: {input: -1, output: 0}}", "- 1"],
)
def test_wrong_prices_are_refused(settings: Settings, text: str) -> None:
    """With the file and the field; and without a file there are no prices."""
    file: Any = settings.home / "prices.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"prices\.yaml"):
        prices.load(settings)
    file.unlink()
    assert prices.load(settings) is None
