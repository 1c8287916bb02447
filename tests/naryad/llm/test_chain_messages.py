"""What the chain gives back: whole messages, ids of ours, no thoughts, nothing incomplete."""

import asyncio
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda

from naryad.testing.openai_server import OpenAIServer, Reply
from naryad.tooling import Tool
from tests.naryad.llm.conftest import Serve, Tokens, chain_of

ASK = [HumanMessage("hi")]
LONG = Reply("one two three four five six")


async def asked(server: OpenAIServer) -> list[dict[str, Any]]:
    return await asyncio.to_thread(server.requests)


async def test_thinking_reaches_neither_tokens_nor_message_nor_history(serve: Serve, tokens: Tokens) -> None:
    """A block that is split across chunks is gone from all three."""
    server = await serve(Reply(pieces=("<th", "ink>why", " not</th", "ink>\n\n", "Yes", "!")))
    chain = chain_of(server)
    history = [*ASK, AIMessage("<think>old secret</think>Well?"), HumanMessage("go on")]
    answer = await chain.complete(history, emit=tokens)
    assert answer.content == tokens.text == "Yes!"
    assert tokens.resets == []
    [request] = await asked(server)
    assert [m["content"] for m in request["messages"]] == ["hi", "Well?", "go on"]
    await chain.close()


async def test_tracers_of_the_callers_graph_see_no_raw_token(serve: Serve) -> None:
    """A graph that streams its models' messages would show the thinking: the chain is closed to it."""
    chain = chain_of(await serve(Reply(pieces=("<think>why</think>", "Yes"))))
    seen: list[str] = []

    class Tracer(AsyncCallbackHandler):
        async def on_llm_new_token(self, token: Any, **_more: Any) -> None:
            seen.append(token)

    async def node(_state: str) -> AIMessage:
        return await chain.complete(ASK)

    answer = await RunnableLambda(node).ainvoke("go", config={"callbacks": [Tracer()]})
    assert answer.content == "Yes"
    assert seen == []
    await chain.close()


async def test_thinking_that_the_prompt_opened_is_taken_back(serve: Serve, tokens: Tokens) -> None:
    """Where only the closing tag comes, what was shown is withdrawn."""
    chain = chain_of(await serve(Reply(pieces=("let me ", "see</think>", "Yes"))))
    assert (await chain.complete(ASK, emit=tokens)).content == tokens.text == "Yes"
    assert len(tokens.resets) == 1
    await chain.close()


async def test_every_call_gets_an_id_of_ours(serve: Serve, lamp: list[Tool]) -> None:
    """Two calls that the model gave one id get two; arguments arrive whole; content is text."""
    call = {"name": "lamp_state", "arguments": '{"room": "hall"}'}
    server = await serve(Reply("", calls=(call, call), finish="tool_calls"))
    chain = chain_of(server)
    answer = await chain.complete(ASK, tools=lamp)
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("lamp_state", {"room": "hall"})] * 2
    ids = {c["id"] for c in answer.tool_calls}
    assert len(ids) == 2
    assert "call_0" not in ids
    assert answer.content == ""
    [request] = await asked(server)
    assert request["tools"] == [lamp[0].schema]
    await chain.close()


async def test_history_with_calls_is_sent_without_null_contents(serve: Serve, lamp: list[Tool]) -> None:
    """A chat template that looks into the content of a tool call finds a text."""
    server = await serve(LONG)
    chain = chain_of(server)
    call = AIMessage("", tool_calls=[{"id": "c1", "name": "lamp_state", "args": {"room": "hall"}}])
    await chain.complete([*ASK, call, ToolMessage("on", tool_call_id="c1")], tools=lamp)
    [request] = await asked(server)
    assert [m["content"] for m in request["messages"]] == ["hi", "", "on"]
    assert request["messages"][1]["tool_calls"][0]["id"] == "c1"
    await chain.close()


@pytest.mark.parametrize(
    "broken",
    [
        Reply("", calls=({"name": "lamp_state", "arguments": '{"room": "ha'},), finish="length"),
        Reply("", calls=({"name": "lamp_state", "arguments": '{"room": "hall"}'},), finish=""),
        Reply("", calls=({"name": "lamp_state", "arguments": '{"room": '},), finish="tool_calls"),
        Reply("", calls=({"name": "lamp_state", "arguments": '{"room": "hall"}'},), cut_after=2),
    ],
    ids=["length", "no finish_reason", "not JSON", "cut"],
)
async def test_an_incomplete_message_never_returns_calls(serve: Serve, lamp: list[Tool], broken: Reply) -> None:
    """Half a call is no call: the next provider is asked."""
    chain = chain_of(await serve(broken), await serve(LONG))
    answer = await chain.complete(ASK, tools=lamp)
    assert answer.tool_calls == []
    assert answer.response_metadata["provider"] == "p1"
    await chain.close()


async def test_max_tokens_reaches_the_server(serve: Serve) -> None:
    """By the name that every compatible server knows."""
    server = await serve(LONG)
    chain = chain_of(server)
    await chain.complete(ASK, max_tokens=7)
    assert (await asked(server))[0]["max_tokens"] == 7
    await chain.close()


async def test_a_model_is_named_as_its_server_says(serve: Serve) -> None:
    """Who was asked need not be who answers; the name is one short line that can be shown."""
    chain = chain_of(await serve(Reply(model="m0-2025-04-14"), Reply(model="tiny\n\x1b[31m" + "x" * 200)))
    names = [(await chain.complete([HumanMessage(text)])).response_metadata["model"] for text in ("hi", "ho")]
    assert names[0] == "m0-2025-04-14"
    assert (names[1].startswith("tiny \\x1b[31mxx"), len(names[1])) == (True, 100)
    await chain.close()
