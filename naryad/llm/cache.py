"""Answers kept for a while: in memory, or in Redis where several processes share them."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import structlog
from langchain_core.messages import AIMessage, BaseMessage

from naryad.llm.provider import Request

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = structlog.get_logger()


class Cache(Protocol):
    """Texts by key; losing one costs time, never an error."""

    async def get(self, key: str) -> str | None:
        """The text, if it is still there."""
        ...

    async def put(self, key: str, text: str, ttl_s: float) -> None:
        """Keep the text for `ttl_s` seconds, at most."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class MemoryCache:
    """The least recently used texts of this process.

    Args:
        size: Most texts kept.
        clock: Monotonic seconds.
    """

    def __init__(self, size: int = 512, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._clock = size, clock
        self._texts: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def get(self, key: str) -> str | None:
        """The text, unless it is too old or was never put."""
        until, text = self._texts.pop(key, (0.0, ""))
        if until <= self._clock():
            return None
        self._texts[key] = (until, text)
        return text

    async def put(self, key: str, text: str, ttl_s: float) -> None:
        """Keep the text for `ttl_s` seconds, at most."""
        self._texts.pop(key, None)
        self._texts[key] = (self._clock() + ttl_s, text)
        while len(self._texts) > self._size:
            self._texts.popitem(last=False)

    async def close(self) -> None:
        """Forget everything."""
        self._texts.clear()


class RedisCache:
    """Texts in Redis. A Redis that cannot be reached is a miss and a line in the log.

    Args:
        url: As redis-py takes it; may hold a password, so it is never logged.
        patience_s: Longest wait for Redis: the cache must not cost more than it saves.
    """

    def __init__(self, url: str, *, patience_s: float = 0.5) -> None:
        self._url, self._patience_s = url, patience_s
        self._client: Redis | None = None

    async def get(self, key: str) -> str | None:
        """The text, unless it expired, was never put, or Redis is away."""
        from redis import RedisError

        try:
            found = await self._redis().get(key)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("llm.cache.unavailable", error=type(error).__name__)
            return None
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else found

    async def put(self, key: str, text: str, ttl_s: float) -> None:
        """Keep the text for `ttl_s` seconds, if Redis is there."""
        from redis import RedisError

        try:
            await self._redis().set(key, text.encode("utf-8", "replace"), px=max(1, int(ttl_s * 1000)))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("llm.cache.unavailable", error=type(error).__name__)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _redis(self) -> "Redis":
        if self._client is None:
            from redis.asyncio import Redis

            self._client = Redis.from_url(
                self._url, socket_timeout=self._patience_s, socket_connect_timeout=self._patience_s
            )
        return self._client


def key(request: Request, model: str) -> str:
    """Name of a request's answer by `model`: the same for equal conversations, whatever ids their parts carry."""
    said = {"model": model, "max_tokens": request.max_tokens, "messages": [_said(m) for m in request.messages]}
    spelled = json.dumps(said, sort_keys=True, ensure_ascii=True, default=str)
    return "naryad:llm:" + hashlib.sha256(spelled.encode()).hexdigest()


def _said(message: BaseMessage) -> list[object]:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return [message.type, message.content, [[call["name"], call["args"]] for call in calls]]
