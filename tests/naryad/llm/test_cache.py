"""The cache in memory and in a real Redis."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from naryad.llm.cache import MemoryCache, RedisCache, key
from naryad.llm.provider import Request
from tests.needs import needs, needs_package


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    needs_package("redis")
    program = needs("redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    process.kill()
    process.wait()


async def test_memory_forgets_by_age() -> None:
    """A text is there until its time is over."""
    now = [0.0]
    cache = MemoryCache(clock=lambda: now[0])
    await cache.put("k", "text", 300)
    now[0] = 299.9
    assert await cache.get("k") == "text"
    now[0] = 300
    assert await cache.get("k") is None


async def test_memory_forgets_the_least_recently_used() -> None:
    """It never holds more than its size, and keeps what is read."""
    cache = MemoryCache(size=2)
    await cache.put("a", "1", 60)
    await cache.put("b", "2", 60)
    await cache.get("a")
    await cache.put("c", "3", 60)
    assert [await cache.get(k) for k in "abc"] == ["1", None, "3"]


async def test_redis_keeps_texts_for_their_time(redis_url: str) -> None:
    """Another client reads what one has put, in any language, until it expires."""
    first, second = RedisCache(redis_url, patience_s=5), RedisCache(redis_url, patience_s=5)
    await first.put("k", "готово ✓", 0.2)
    assert await second.get("k") == "готово ✓"
    await asyncio.sleep(0.4)
    assert await second.get("k") is None
    await first.close()
    await second.close()


async def test_redis_away_is_a_miss(unused_tcp_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither reading nor writing raises, the log says so, and never shows the password."""
    needs_package("redis")
    cache = RedisCache(f"redis://:hush@127.0.0.1:{unused_tcp_port}/0")
    await cache.put("k", "text", 60)
    assert await cache.get("k") is None
    await cache.close()
    out = capsys.readouterr().out
    assert "llm.cache.unavailable" in out
    assert "hush" not in out


async def test_redis_that_does_not_answer_is_a_miss() -> None:
    """A server that takes the connection and says nothing costs half a second, not the question."""
    needs_package("redis")

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    cache = RedisCache(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", patience_s=0.1)
    assert await cache.get("k") is None
    await cache.close()
    server.close()


def conversation(call_id: str) -> tuple[BaseMessage, ...]:
    call = AIMessage("", id=f"m-{call_id}", tool_calls=[{"id": call_id, "name": "look", "args": {"n": 1}}])
    return (HumanMessage("look", id=f"h-{call_id}"), call, ToolMessage("seen", tool_call_id=call_id))


def test_key_knows_the_conversation_and_not_its_ids() -> None:
    """The same words under other ids are the same question; another model, limit or word is another one."""
    same = key(Request(conversation("a")), "m")
    assert same == key(Request(conversation("b")), "m")
    others = {
        key(Request(conversation("a")), "n"),
        key(Request(conversation("a"), max_tokens=5), "m"),
        key(Request(conversation("a")[:1]), "m"),
        key(Request((AIMessage("look"),)), "m"),
    }
    assert len(others | {same}) == 5
