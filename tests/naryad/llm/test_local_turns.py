"""A local model's tool turns, with its server played by the fake one."""

from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

from naryad.errors import LLMUnavailable
from naryad.llm import local
from naryad.llm.breaker import Breaker
from naryad.llm.chain import Chain, Link
from naryad.llm.local import LocalProvider
from naryad.testing.openai_server import OpenAIServer, Reply
from naryad.tooling import Tool
from tests.naryad.llm.conftest import Serve, Tokens
from tests.naryad.llm.test_chain import asked

ASK = [HumanMessage("Is the lamp on?")]
CALL = Reply('{"tool": "lamp_state", "arguments": {"room": "hall"}}')


class Standing:
    """A model server that already runs."""

    def __init__(self, server: OpenAIServer) -> None:
        self.url, self.key, self.context = server.url, None, 8192

    async def ready(self) -> None: ...
    async def count(self, text: str) -> int:
        return len(text.split())

    async def close(self) -> None: ...
    async def end_if_stuck(self, patience_s: float) -> None: ...
    def worked(self) -> None: ...
    def hint(self) -> str:
        return ""


def chain_over(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Chain:
    monkeypatch.setattr(local, "LocalServer", lambda *_args, **_named: Standing(server))
    provider = LocalProvider(Path("model.gguf"), log=Path("log"))
    return Chain([Link(provider, Breaker(3, 60, 2))], timeout_s=20, retries=0)


async def test_a_call_is_made_of_one_json_object(
    serve: Serve, lamp: list[Tool], tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request carries the schema and a limit where the server looks for them; JSON is never shown."""
    server = await serve(CALL)
    chain = chain_over(server, monkeypatch)
    answer = await chain.complete(ASK, tools=lamp, emit=tokens)
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("lamp_state", {"room": "hall"})]
    assert tokens.events == []
    [request] = await asked(server)
    assert request["response_format"]["type"] == "json_object"
    assert request["max_tokens"] == local.MAX_TOKENS
    assert "tools" not in request
    await chain.close()


async def test_the_answer_streams_out_of_the_json(
    serve: Serve, lamp: list[Tool], tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escapes and all, while it is being written."""
    pieces = ('{"answ', 'er": "Да', ", it\\n", "is \\", '"on\\"', '."}')
    chain = chain_over(await serve(Reply(pieces=pieces)), monkeypatch)
    answer = await chain.complete(ASK, tools=lamp, emit=tokens)
    assert answer.content == tokens.text == 'Да, it\nis "on".'
    assert len(tokens.events) > 2
    await chain.close()


async def test_two_repairs_are_tried(serve: Serve, lamp: list[Tool], monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is told what was wrong, twice; the third try counts."""
    wrong = Reply('{"tool": "lamp_state", "arguments": {"rom": "hall"}}')
    server = await serve(wrong, Reply("just text"), CALL)
    chain = chain_over(server, monkeypatch)
    answer = await chain.complete(ASK, tools=lamp)
    assert answer.tool_calls[0]["args"] == {"room": "hall"}
    requests = await asked(server)
    assert "rom: Extra inputs" in requests[1]["messages"][-1]["content"]
    assert requests[2]["messages"][:4] == requests[1]["messages"]
    await chain.close()


async def test_a_conversation_that_does_not_fit_is_not_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told why, and neither the server nor its breaker suffers."""
    server = await serve(CALL)
    chain = chain_over(server, monkeypatch)
    with pytest.raises(LLMUnavailable, match="9000 tokens, too many for 8192"):
        await chain.complete([HumanMessage("word " * 9000)])
    assert await asked(server) == []
    assert chain.status[0].breaker == "closed"
    await chain.close()


async def test_after_two_repairs_there_is_no_answer(
    serve: Serve, lamp: list[Tool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that cannot say a valid call is given up; that is no fault of its server."""
    server = await serve(Reply("just text"))
    chain = chain_over(server, monkeypatch)
    with pytest.raises(LLMUnavailable, match="no valid tool call"):
        await chain.complete(ASK, tools=lamp)
    assert len(await asked(server)) == 3
    assert chain.status[0].breaker == "closed"
    await chain.close()
