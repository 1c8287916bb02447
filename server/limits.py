"""How often one caller may ask, in the process or for all processes in Redis; and how many streams they may hold."""

import ipaddress
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from naryad.i18n import _
from naryad.settings import Settings
from server.errors import Denied

log = structlog.get_logger()


class Limiter:
    """Counts requests a minute by address and by account.

    While Redis does not answer, each process counts for itself: the door neither shuts nor stands open.
    """

    def __init__(self, settings: Settings) -> None:
        # Not the moving window: in memory it goes to a thread for each caller it knows, at each request.
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._window = self._here
        if settings.redis_url:
            url = f"async+{settings.redis_url.get_secret_value()}"
            shared = RedisStorage(url, wrap_exceptions=True, implementation="redispy", key_prefix="naryad:limits")
            self._window = SlidingWindowCounterRateLimiter(shared)
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
        try:
            return await _take(self._window, limit, *key)
        except StorageError as error:
            log.warning("limits.redis.failed", error=type(error.storage_error).__name__)
            return await _take(self._here, limit, *key)


class Streams:
    """The streams that each account holds open in this process: connections and memory are the process's own.

    Args:
        most: Of one account.
    """

    def __init__(self, most: int) -> None:
        self._most, self._open = most, Counter[str]()

    @contextmanager
    def one(self, account_id: str) -> Iterator[None]:
        """Hold one more.

        Raises:
            Denied: There are as many as may be.
        """
        if self._open[account_id] >= self._most:
            text = _("An account may hold {most} streams open at once: close one first.").format(most=self._most)
            raise Denied(text, status=429, code="too_many_streams")
        self._open[account_id] += 1
        try:
            yield
        finally:
            self._open -= Counter((account_id,))  # which forgets who holds none


async def _take(window: SlidingWindowCounterRateLimiter, limit: RateLimitItemPerMinute, *key: str) -> int | None:
    if await window.hit(limit, *key):
        return None
    stats = await window.get_window_stats(limit, *key)
    return max(1, int(stats.reset_time - time.time()) + 1)


def network(address: str) -> str:
    """Whose an address is: one customer has a whole /64 of IPv6, and must not count as many."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped:
        return str(getattr(parsed, "ipv4_mapped", None) or parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
