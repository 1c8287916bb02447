"""The chain over real servers that refuse, break off, die and hang."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage

from naryad.errors import LLMUnavailable
from naryad.events import EventType
from naryad.llm.breaker import Breaker, BreakerState
from naryad.llm.chain import Chain, Link, Purpose
from naryad.llm.provider import Request
from naryad.testing.openai_server import OpenAIServer, Reply
from naryad.tooling import Tool
from tests.naryad.llm.conftest import Serve, Tokens, chain_of, until

ASK = [HumanMessage("hi")]
LONG = Reply("one two three four five six")


async def asked(server: OpenAIServer) -> list[dict[str, Any]]:
    return await asyncio.to_thread(server.requests)


async def test_answer_streams_and_says_who_gave_it(serve: Serve, tokens: Tokens) -> None:
    """The tokens are the answer, word by word; the message names provider, model and usage."""
    chain = chain_of(await serve(LONG))
    answer = await chain.complete(ASK, emit=tokens)
    assert answer.content == tokens.text == LONG.text
    assert len(tokens.events) > 3
    assert answer.response_metadata == {"provider": "p0", "model": "m0", "finish_reason": "stop"}
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 6
    await chain.close()


async def test_check_finds_out_who_can_be_reached(serve: Serve) -> None:
    """A server that lists its models is well, a dead one is named with its reason; no model is asked."""
    good, dead = await serve(), await serve()
    chain = chain_of(good, dead)
    await asyncio.to_thread(dead.kill)
    assert [status.hint for status in await chain.check()] == ["", "the connection failed"]
    assert await asked(good) == []
    await chain.close()


async def test_an_empty_chain_is_unavailable() -> None:
    """Without providers every question raises the error that degraded mode waits for."""
    with pytest.raises(LLMUnavailable):
        await Chain([]).complete(ASK)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_moves_on_without_a_retry(serve: Serve, status: int) -> None:
    """The same request would be refused again, so the next provider is asked at once."""
    first, second = await serve(Reply("no", status=status)), await serve(LONG)
    chain = chain_of(first, second, retries=3)
    assert (await chain.complete(ASK)).response_metadata["provider"] == "p1"
    assert len(await asked(first)) == 1
    await chain.close()


@pytest.mark.parametrize(
    "trouble",
    [
        Reply("busy", status=429),
        Reply("oops", status=500),
        Reply("oops", status=503),
        Reply("broken off", cut_after=0),
        Reply("", finish="stop"),
        Reply("no end", finish=""),
    ],
    ids=["429", "500", "503", "cut", "empty", "no finish_reason"],
)
async def test_passing_trouble_is_retried(serve: Serve, tokens: Tokens, trouble: Reply) -> None:
    """The same provider answers at the second attempt, and nothing of the first is left to see."""
    server = await serve(trouble, LONG)
    chain = chain_of(server, retries=1)
    answer = await chain.complete(ASK, emit=tokens)
    assert answer.content == tokens.text == LONG.text
    assert len(await asked(server)) == 2
    await chain.close()


async def test_retries_end(serve: Serve) -> None:
    """Two further attempts are two, and the message says why there is no answer, without the server's own text."""
    server = await serve(Reply("the key sk-12345 is odd", status=500))
    chain = chain_of(server, retries=2)
    with pytest.raises(LLMUnavailable, match="p0: answered HTTP 500") as refused:
        await chain.complete(ASK)
    assert "sk-12345" not in refused.value.message
    assert len(await asked(server)) == 3
    await chain.close()


async def test_spent_quota_is_not_retried(serve: Serve) -> None:
    """A 429 that waiting does not cure moves on."""
    first = await serve(Reply("pay", status=429, code="insufficient_quota"))
    chain = chain_of(first, await serve(LONG), retries=3)
    assert (await chain.complete(ASK)).response_metadata["provider"] == "p1"
    assert len(await asked(first)) == 1
    await chain.close()


@pytest.mark.parametrize(("wait", "provider"), [("0.05", "p0"), ("3600", "p1")])
async def test_retry_after_is_honoured_within_bounds(serve: Serve, wait: str, provider: str) -> None:
    """A short wait is waited, an hour is not."""
    first = await serve(Reply("busy", status=429, headers={"Retry-After": wait}), LONG)
    chain = chain_of(first, await serve(LONG), retries=1)
    assert (await chain.complete(ASK)).response_metadata["provider"] == provider
    await chain.close()


@pytest.mark.parametrize("how", ["kill", "stop"])
@pytest.mark.parametrize("held", [0, 4], ids=["before the first token", "in the middle"])
async def test_a_dead_server_hands_over(serve: Serve, tokens: Tokens, how: str, held: int) -> None:
    """Killed or stopped, before or in the middle: the next provider answers from the start, no token twice."""
    first, second = await serve(Reply(LONG.text, hold_after=held)), await serve(LONG)
    chain = chain_of(first, second, timeout_s=3)
    question = asyncio.create_task(chain.complete([SystemMessage("be brief"), *ASK], emit=tokens))
    await until(lambda: len(tokens.events) >= held - 1)
    while not await asked(first):
        pass
    await asyncio.to_thread(getattr(first, how))
    answer = await question
    assert answer.content == tokens.text == LONG.text
    assert answer.response_metadata["provider"] == "p1"
    assert len(tokens.resets) == (1 if held else 0)
    assert {data["attempt"] for kind, data in tokens.events if kind is EventType.RESET} <= {1}
    [second_request] = await asked(second)
    assert [m["content"] for m in second_request["messages"]] == ["be brief", "hi"]
    await chain.close()


async def test_keep_alive_comments_do_not_hide_a_hang(serve: Serve) -> None:
    """A gap between chunks is noticed though the connection is open."""
    chain = chain_of(await serve(Reply(LONG.text, hold_after=3)), await serve(LONG), timeout_s=0.5)
    await chain.complete(ASK)
    assert chain.status[0].hint == "no answer in time"
    await chain.close()


async def test_breaker_opens_after_three_failures_and_closes_after_two_successes(serve: Serve) -> None:
    """An open breaker spares the dead provider; back in life, it is trusted after two answers."""
    first, second = await serve(Reply("oops", status=500)), await serve(LONG)
    chain = chain_of(first, second, open_s=4)
    states = []
    for number in range(5):
        await chain.complete([HumanMessage(f"question {number}")])
        states.append(chain.status[0].breaker)
    assert states[:3] == [BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.OPEN]
    assert len(await asked(first)) == 3
    await asyncio.to_thread(first.say, LONG)
    await until(lambda: chain.status[0].breaker is BreakerState.HALF_OPEN)
    for number, expected in enumerate([BreakerState.HALF_OPEN, BreakerState.CLOSED]):
        answer = await chain.complete([HumanMessage(f"again {number}")])
        assert answer.response_metadata["provider"] == "p0"
        assert chain.status[0].breaker is expected
    await chain.close()


async def test_a_request_that_is_wrong_does_not_open_the_breaker(serve: Serve) -> None:
    """A conversation that is too long says nothing about the provider: others must still reach it."""
    chain = chain_of(await serve(Reply("too long", status=400, code="context_length_exceeded")))
    for _ in range(4):
        with pytest.raises(LLMUnavailable, match="context_length_exceeded"):
            await chain.complete(ASK)
    assert chain.status[0].breaker is BreakerState.CLOSED
    await chain.close()


async def test_cancelling_neither_counts_nor_hands_over(serve: Serve, tokens: Tokens) -> None:
    """A person who stops a run stops it: no other provider is asked, and the breaker learns nothing."""
    second = await serve(LONG)
    chain = chain_of(await serve(Reply(LONG.text, hold_after=3)), second)
    question = asyncio.create_task(chain.complete(ASK, emit=tokens))
    await until(lambda: bool(tokens.events))
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    assert await asked(second) == []
    assert tokens.resets == []
    await chain.close()


async def test_an_error_of_the_listener_is_not_the_providers(serve: Serve) -> None:
    """A broken event log raises as it is, even as a TimeoutError, and no provider is blamed for it."""
    second = await serve(LONG)
    chain = chain_of(await serve(LONG), second, retries=2)

    async def broken(kind: EventType, data: dict[str, Any]) -> None:
        raise TimeoutError("the event log is away")

    with pytest.raises(TimeoutError, match="event log"):
        await chain.complete(ASK, emit=broken)
    assert await asked(second) == []
    await chain.close()


async def test_answers_are_reused_by_purpose(serve: Serve, tokens: Tokens) -> None:
    """The same question is asked once, its answer streams again under a new id; a purpose without a time asks."""
    server = await serve(LONG)
    chain = chain_of(server)
    first = await chain.complete(ASK)
    again = await chain.complete(ASK, emit=tokens)
    assert again.content == tokens.text == first.content
    assert again.id != first.id
    assert len(await asked(server)) == 1
    await chain.complete(ASK, purpose=Purpose.PLAYBOOK)
    assert len(await asked(server)) == 2
    await chain.close()


@pytest.mark.parametrize(
    ("reply", "with_tools"),
    [
        (LONG, True),
        (Reply("", calls=({"name": "lamp_state", "arguments": "{}"},), finish="tool_calls"), False),
        (Reply("cut short", finish="length"), False),
    ],
    ids=["tools offered", "tools called", "cut short"],
)
async def test_what_is_not_a_plain_whole_text_is_never_reused(
    serve: Serve, lamp: list[Tool], reply: Reply, with_tools: bool
) -> None:
    """A call that had tools, an answer with calls or a cut one is asked for again."""
    server = await serve(reply)
    chain = chain_of(server)
    for _ in range(2):
        await chain.complete(ASK, tools=lamp if with_tools else ())
    assert len(await asked(server)) == 2
    await chain.close()


async def test_the_second_providers_answer_does_not_outlive_the_first_ones_trouble(serve: Serve) -> None:
    """What the fallback said is not served once the preferred provider is back."""
    first = await serve(Reply("oops", status=500), Reply("the better answer"))
    chain = chain_of(first, await serve(LONG))
    assert (await chain.complete(ASK)).content == LONG.text
    assert (await chain.complete(ASK)).content == "the better answer"
    await chain.close()


class Odd:
    """A provider whose client has a bug."""

    name, model = "odd", "odd"

    async def ready(self) -> None: ...
    async def check(self) -> None: ...

    async def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        yield AIMessageChunk(content="half")
        raise KeyError("choices")

    def hint(self) -> str:
        return ""

    async def close(self) -> None: ...


async def test_an_unforeseen_error_of_a_provider_moves_on(serve: Serve, tokens: Tokens) -> None:
    """Whatever a reply makes a client library raise, the next provider still answers."""
    chain = chain_of(await serve(LONG))
    chain = Chain([Link(Odd(), Breaker(3, 60, 2)), *chain._links])
    assert (await chain.complete(ASK, emit=tokens)).content == tokens.text == LONG.text
    assert tokens.resets == ["unexpected KeyError"]
    await chain.close()
