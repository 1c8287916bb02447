"""What the benchmark of the chat API counts as lost."""

import httpx
import pytest

from bench import chat

END = "event: run.finished\ndata: {}\n\n"


def told(*seqs: int) -> str:
    return "".join(f"id: {seq}\nevent: token\ndata: {{}}\n\n: ping\n\n" for seq in seqs)


@pytest.mark.parametrize(
    ("sent", "numbers"),
    [
        (f"{told(1, 2)}id: 3\n{END}", [1, 2, 3]),
        (f"{told(1)}id: 3\n{END}", [1, 3]),
        (told(1, 2), []),
    ],
)
async def test_a_stream_is_heard_to_the_end_of_the_run(sent: str, numbers: list[int]) -> None:
    """By the numbers of its events; one that ends before counts as if nothing came."""
    answering = httpx.MockTransport(lambda _request: httpx.Response(200, content=sent.encode()))
    async with httpx.AsyncClient(transport=answering) as client, client.stream("GET", "http://test/") as answer:
        assert await chat.to_the_end(answer) == numbers


def test_a_gap_and_a_silence_are_losses() -> None:
    """Of four who listened two heard everything."""
    assert chat.lost([[1, 2, 3], [1, 3], [], [1]]) == 2
