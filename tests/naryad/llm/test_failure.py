"""What each error of a client means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import openai
import pytest

from naryad.llm.failure import classify

REQUEST = httpx.Request("POST", "http://127.0.0.1/v1")


def refused(status: int, code: str | None = None, **headers: str) -> openai.APIStatusError:
    response = httpx.Response(status, headers=headers, request=REQUEST)
    return openai.APIStatusError("the key sk-hush", response=response, body={"code": code})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "retry", "counts"),
    [
        (TimeoutError(), True, True),
        (ConnectionResetError(), True, True),
        (httpx.ReadError("x"), True, True),
        (httpx.StreamClosed(), True, True),
        (openai.APIConnectionError(request=REQUEST), True, True),  # type: ignore[arg-type]
        (openai.APITimeoutError(request=REQUEST), True, True),  # type: ignore[arg-type]
        (openai.APIError("x", REQUEST, body=None), True, True),  # type: ignore[arg-type]
        (refused(429), True, True),
        (refused(408), True, True),
        (refused(502), True, True),
        (refused(429, "insufficient_quota"), False, True),
        (refused(401), False, True),
        (refused(403), False, True),
        (refused(404), False, True),
        (refused(400), False, False),
        (refused(422), False, False),
        (KeyError("choices"), False, True),
    ],
    ids=lambda value: getattr(value, "status_code", None) or type(value).__name__,
)
def test_errors_say_what_follows_from_them(error: Exception, retry: bool, counts: bool) -> None:
    """Whether asking again may help, whether the provider is at fault; never the server's own words."""
    failure = classify(error)
    assert (failure.retry, failure.counts) == (retry, counts)
    assert "hush" not in failure.reason


def test_retry_after_is_read_as_seconds_or_date() -> None:
    """Both forms of the header, and neither when it is nonsense."""
    assert classify(refused(429, **{"retry-after": "1.5"})).retry_after_s == 1.5
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (classify(refused(503, **{"retry-after": soon})).retry_after_s or 0) <= 100
    assert classify(refused(429, **{"retry-after": "soon"})).retry_after_s is None
    assert classify(refused(429)).retry_after_s is None
