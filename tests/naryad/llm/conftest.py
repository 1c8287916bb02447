"""Fake servers in processes of their own, and chains over them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from naryad.events import EventType
from naryad.llm import chain
from naryad.llm.breaker import Breaker
from naryad.llm.cache import MemoryCache
from naryad.llm.chain import Chain, Link, Purpose
from naryad.llm.openai import OpenAIProvider
from naryad.testing.openai_server import OpenAIServer, Reply
from naryad.tooling import Risk, Tool, Toolset, tool

Serve = Callable[..., Awaitable[OpenAIServer]]


class Lamp(Toolset):
    """A tool to call."""

    prefix = "lamp"

    @tool(Risk.READ)
    async def state(self, room: str, floor: int = 0) -> str:
        """Tell whether the lamp of a room is on.

        Args:
            room: The room's name.
            floor: The floor.
        """
        return f"{room} {floor}"


class Tokens:
    """Records what a person would see."""

    def __init__(self) -> None:
        self.events: list[tuple[EventType, dict[str, Any]]] = []
        self.text = ""

    async def __call__(self, kind: EventType, data: dict[str, Any]) -> None:
        self.events.append((kind, data))
        self.text = "" if kind is EventType.RESET else self.text + data["text"]

    @property
    def resets(self) -> list[str]:
        return [data["reason"] for kind, data in self.events if kind is EventType.RESET]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests read messages in the language they are written in."""
    monkeypatch.setenv("NARYAD_LANG", "en")


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-offs of real length would make the tests wait."""
    monkeypatch.setattr(chain, "WAIT_FIRST_S", 0.01)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start fake servers with their replies; ended after the test in whatever state they are."""
    with ExitStack() as servers:

        async def start(*replies: Reply) -> OpenAIServer:
            return servers.enter_context(await asyncio.to_thread(OpenAIServer, *replies))

        yield start


@pytest.fixture
def lamp() -> list[Tool]:
    return Lamp().tools()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another task brings about."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never happened")


def chain_of(*servers: OpenAIServer, timeout_s: float = 20, retries: int = 0, open_s: float = 60) -> Chain:
    """A chain that asks the servers in turn; the first is called p0, the next p1."""
    links = [
        Link(
            OpenAIProvider(
                model=f"m{number}", base_url=server.url, timeout_s=timeout_s, direct=True, name=f"p{number}"
            ),
            Breaker(3, open_s, 2),
        )
        for number, server in enumerate(servers)
    ]
    return Chain(links, timeout_s=timeout_s, retries=retries, answers=MemoryCache(), ttl_s={Purpose.TEXT: 300})
