"""What the chain asks of a provider, and how a provider's stream is kept from hanging."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from langchain_core.messages import AIMessageChunk, BaseMessage

from naryad.tooling import Tool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    Attributes:
        messages: The conversation, already free of thinking and of None contents.
        tools: What the model may call.
        max_tokens: Longest answer.
    """

    messages: tuple[BaseMessage, ...]
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None


class Provider(Protocol):
    """One model behind one address.

    `stream` yields chunks whose last says `finish_reason` in its response metadata; it raises whatever its
    client raises, and TimeoutError when the first chunk takes longer than `first_token_s`.
    """

    name: str
    model: str

    async def ready(self) -> None:
        """Import, start and load what is needed, where that has not been done; not part of the time to answer."""
        ...

    def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        """Stream the next message of the conversation."""
        ...

    def hint(self) -> str:
        """What keeps it from being used; empty when nothing is known to. Cheap: sends nothing."""
        ...

    async def check(self) -> None:
        """Find out whether it can be reached, without asking the model; raises what its client raises."""
        ...

    async def close(self) -> None:
        """End child processes and connections; a later `stream` starts them again."""
        ...


async def paced(stream: AsyncIterator[T], first_s: float, gap_s: float) -> AsyncGenerator[T]:
    """The same stream; TimeoutError when the first item, or any next one, is late.

    A stopped process keeps its sockets open and a server's keep-alive comments feed a read timeout, so the
    HTTP client's own timeout notices neither.
    """
    patience = first_s
    while True:
        async with asyncio.timeout(patience):
            try:
                item = await anext(stream)
            except StopAsyncIteration:
                return
        yield item
        patience = gap_s
