"""How often one caller may ask: in the process, or for all processes in Redis."""

import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from naryad.settings import Settings


class Limiter:
    """Counts requests a minute by address and by account."""

    def __init__(self, settings: Settings) -> None:
        url = settings.redis_url.get_secret_value() if settings.redis_url else ""
        storage = RedisStorage(f"async+{url}") if url else MemoryStorage()
        self._window = MovingWindowRateLimiter(storage)
        self._most = settings.rate_limit

    async def take(self, *key: str, most: int | None = None) -> int | None:
        """Count one request.

        Args:
            key: Who asks, for example `("address", "10.0.0.1")`.
            most: Requests a minute, where it is not RATE_LIMIT_PER_MINUTE.

        Returns:
            None where it may go on, else the seconds to wait.
        """
        limit = RateLimitItemPerMinute(most or self._most)
        if await self._window.hit(limit, *key):
            return None
        stats = await self._window.get_window_stats(limit, *key)
        return max(1, int(stats.reset_time - time.time()) + 1)
