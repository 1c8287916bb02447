"""What a model may say and still be stored: whatever it sends, the message is plain, or there is none."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.messages.tool import tool_call_chunk
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from naryad.errors import LLMUnavailable
from naryad.llm import chain
from naryad.llm.breaker import Breaker
from naryad.llm.chain import Chain, Link
from naryad.llm.draft import DEEPEST, LONGEST, Draft
from naryad.llm.failure import Failure
from naryad.llm.provider import Request


async def said(arguments: str, text: str = "") -> AIMessage:
    """The finished message of one answer with one call."""
    draft = Draft(1, None)
    calls = [tool_call_chunk(name="look", args=arguments, id=None, index=0)]
    await draft.add(AIMessageChunk(content=text, tool_call_chunks=calls, response_metadata={"finish_reason": "stop"}))
    return await draft.finish()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (json.dumps({"n": 10**40}), ""),
        ('{"n": 1e999, "m": NaN}', ""),
        (r'{"s": "\ud800", "\udfff": "\u0000"}', ""),
        ("{}", "half a pair \ud83d and a \0"),
        (json.dumps({"s": "x" * 1000}), "😀"),
    ],
    ids=["large number", "no number", "half a pair", "text", "ordinary"],
)
async def test_every_message_can_be_stored(arguments: str, text: str) -> None:
    """A checkpoint of the message can be written and sent on: otherwise its run would never end."""
    message = await said(arguments, text)
    kind, stored = JsonPlusSerializer().dumps_typed([message])
    assert JsonPlusSerializer().loads_typed((kind, stored))[0].tool_calls == message.tool_calls
    json.dumps([message.text, message.tool_calls], ensure_ascii=False).encode()


@pytest.mark.parametrize("levels", [DEEPEST + 1, 500, 90_000])
async def test_a_call_nested_beyond_reason_is_no_call(levels: int) -> None:
    """It is a failure of the answer, which may be asked for again, and no error of the run."""
    with pytest.raises(Failure, match="not valid JSON"):
        await said('{"a":' + "[" * levels + "]" * levels + "}")


@pytest.mark.parametrize("text", ["x" * 1000, ""], ids=["text", "arguments"])
async def test_an_answer_without_end_is_given_up(text: str) -> None:
    """Neither text nor arguments grow without bounds."""
    draft = Draft(1, None)
    calls = [] if text else [tool_call_chunk(name=None, args="x" * 1000, id=None, index=0)]
    for _ in range(LONGEST // 1000):
        await draft.add(AIMessageChunk(content=text, tool_call_chunks=calls))
    with pytest.raises(Failure, match="does not end"):
        await draft.add(AIMessageChunk(content=text, tool_call_chunks=calls))


async def test_a_long_call_in_small_pieces_is_put_together() -> None:
    """Pieces belong to their call by its index, however they alternate; ten thousand of them are no work."""
    draft = Draft(1, None)
    whole = [json.dumps({"playbook": letter * 20_000}) for letter in "ab"]
    for index, name in enumerate(("first", "second")):
        await draft.add(
            AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args="", id="x", index=index)])
        )
    for start in range(0, len(whole[0]), 4):
        for index, text in enumerate(whole):
            part = tool_call_chunk(name=None, args=text[start : start + 4], id=None, index=index)
            await draft.add(AIMessageChunk(content="", tool_call_chunks=[part]))
    await draft.add(AIMessageChunk(content="", response_metadata={"finish_reason": "tool_calls"}))
    calls = (await draft.finish()).tool_calls
    assert [(call["name"], call["args"]) for call in calls] == [
        ("first", json.loads(whole[0])),
        ("second", json.loads(whole[1])),
    ]


class Dripping:
    """A provider whose stream never pauses for long, and never ends."""

    name = model = "dripping"

    async def ready(self) -> None:
        pass

    async def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        import asyncio

        while True:
            yield AIMessageChunk(content="a ")
            await asyncio.sleep(0.01)

    def hint(self) -> str:
        return ""

    async def check(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_a_stream_that_drips_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token now and then feeds every other timeout; the run must not hang on it, nor try it again."""
    monkeypatch.setattr(chain, "LONGEST_S", 0.2)
    emitted: list[Any] = []

    async def emit(kind: Any, data: Any) -> None:
        emitted.append(kind)

    with pytest.raises(LLMUnavailable, match="does not end"):
        await Chain([Link(Dripping(), Breaker(3, 60, 2))], retries=3).complete([HumanMessage("x")], emit=emit)
    assert emitted.count("reset") == 1
