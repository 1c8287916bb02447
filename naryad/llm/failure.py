"""Why a provider did not answer, and what follows from it: retry, count against it, or move on."""

import sys
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger()

_RETRYABLE = {408, 409, 429}
_OUR_FAULT = {400, 413, 422}


class Failure(Exception):
    """One attempt that gave no answer.

    Attributes:
        reason: Why, in words made here: no text of a server or of a request stands in it.
        retry: The same provider may answer the same request if asked again.
        counts: It speaks against the provider, so its breaker counts it.
        retry_after_s: Seconds the server asked us to wait.
    """

    def __init__(self, reason: str, *, retry: bool, counts: bool, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.retry, self.counts, self.retry_after_s = reason, retry, counts, retry_after_s


async def translated(stream: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The same stream, with every error of the provider as a `Failure`.

    Raises:
        Failure: The provider failed.
    """
    try:
        async with aclosing(stream):
            async for item in stream:
                yield item
    except Failure:
        raise
    except Exception as error:  # the boundary to vendors: whatever a reply makes a client raise
        raise classify(error) from error


async def settled(step: Awaitable[None]) -> None:
    """Await a provider's `ready` or `check`.

    Raises:
        Failure: The provider failed.
    """
    try:
        await step
    except Failure:
        raise
    except Exception as error:  # the same boundary
        raise classify(error) from error


def classify(error: Exception) -> Failure:
    """Say what an error of a provider's client means."""
    if isinstance(error, TimeoutError):
        return Failure("no answer in time", retry=True, counts=True)
    if _is_http_error(error) or isinstance(error, OSError):
        return Failure(f"the connection failed ({type(error).__name__})", retry=True, counts=True)
    if (openai := sys.modules.get("openai")) and isinstance(error, openai.OpenAIError):
        return _of_openai(error)
    log.warning("llm.error.unexpected", error=type(error).__name__, exc_info=error)
    return Failure(f"unexpected {type(error).__name__}", retry=False, counts=True)


def _is_http_error(error: Exception) -> bool:
    """A stream that breaks raises the raw error of the HTTP library: httpx, or httpx2 since openai 3."""
    modules = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return any(isinstance(error, (module.HTTPError, module.StreamError)) for module in modules if module)


def _of_openai(error: Any) -> Failure:
    import openai

    if isinstance(error, openai.APITimeoutError):
        return Failure("no answer in time", retry=True, counts=True)
    if isinstance(error, openai.APIConnectionError):
        return Failure("the connection failed", retry=True, counts=True)
    if not isinstance(error, openai.APIStatusError):
        return Failure(f"sent an error ({type(error).__name__})", retry=True, counts=True)
    status = error.status_code
    code = f" {error.code}" if error.code else ""
    spent = error.code == "insufficient_quota"
    return Failure(
        f"answered HTTP {status}{code}",
        retry=(status in _RETRYABLE or status >= 500) and not spent,
        counts=status not in _OUR_FAULT,
        retry_after_s=_retry_after(error.response.headers.get("retry-after")),
    )


def _retry_after(header: str | None) -> float | None:
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
