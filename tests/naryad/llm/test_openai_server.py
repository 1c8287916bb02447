"""The public fake server, judged by the official client."""

import json
from collections.abc import Iterator

import openai
import pytest

from naryad.testing.openai_server import OpenAIServer, Reply

CALL = {"name": "look", "arguments": '{"n": 1}'}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def client(server: OpenAIServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=20) as client:
        yield client


def test_whole_and_streamed_answers_say_the_same(server: OpenAIServer, client: openai.OpenAI) -> None:
    """Text, calls, reason and usage arrive either way, and the request is recorded."""
    server.say(Reply("One  two.", calls=(CALL,), finish="tool_calls"))
    whole = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert whole.choices[0].message.content == "One  two."
    assert whole.choices[0].finish_reason == "tool_calls"
    with client.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "hi"}], stream_options={"include_usage": True}
    ) as stream:
        streamed = stream.get_final_completion()
    message = streamed.choices[0].message
    assert message.content == "One  two."
    assert message.tool_calls
    assert json.loads(message.tool_calls[0].function.arguments) == {"n": 1}
    assert streamed.usage == whole.usage
    assert [request["stream"] for request in server.requests() if "stream" in request] == [True]


def test_errors_are_the_clients_own(server: OpenAIServer, client: openai.OpenAI) -> None:
    """Status, code and headers become the exception that the real API would raise."""
    server.say(Reply("slow down", status=429, code="rate_limit_exceeded", headers={"Retry-After": "7"}))
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="m", messages=[])
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["retry-after"] == "7"


def test_models_are_listed(client: openai.OpenAI) -> None:
    """What a health check asks for."""
    assert [model.id for model in client.models.list()] == ["fake"]


def test_a_cut_answer_breaks_the_stream(server: OpenAIServer, client: openai.OpenAI) -> None:
    """The client sees a broken connection, not an end."""
    server.say(Reply("one two three", cut_after=2))
    with pytest.raises(openai.APIConnectionError):
        list(client.chat.completions.create(model="m", messages=[], stream=True))
