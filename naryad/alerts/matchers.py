"""Matchers of labels, as Alertmanager has them: = != =~ !~, a regular expression meets the whole value."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

import structlog

from naryad.errors import Refused
from naryad.i18n import _

log = structlog.get_logger()
Operator = Literal["=", "!=", "=~", "!~"]
PATTERN_CHARS = 200
MATCH_S = 0.05
"""Longest search of one pattern in one value: some patterns would take years."""


class Unanswered(Exception):
    """A pattern took too long to say whether it fits."""


_NEVER = {"name": "", "op": "=", "value": "\0"}
"""Put before a slow pattern, so that it costs its time once a transaction and not once an alert."""


def fits(matchers: list[dict[str, Any]], labels: Mapping[str, str]) -> bool:
    """Whether the labels fit every matcher; a label that is not there is empty. A pattern that takes too long: no."""
    try:
        return all(_fits(each["op"], each["value"], labels.get(each["name"], "")) for each in matchers)
    except Unanswered:
        log.warning("silence.pattern.slow", matchers=matchers)
        matchers.insert(0, _NEVER)
        return False


def check(op: Operator, value: str) -> None:
    """Raise `Refused` where a pattern is too long, or is none."""
    if op in ("=", "!="):
        return
    if len(value) > PATTERN_CHARS:
        raise Refused(_("A pattern may have at most {most} characters.").format(most=PATTERN_CHARS))
    import regex  # type: ignore[import-untyped]

    try:
        regex.compile(value)
    except regex.error as error:
        raise Refused(_("{pattern!r} is no regular expression: {why}").format(pattern=value, why=error)) from error


def _fits(op: str, wanted: str, value: str) -> bool:
    if op in ("=", "!="):
        return (wanted == value) is (op == "=")
    try:
        return (_pattern(wanted)(value, timeout=MATCH_S) is not None) is (op == "=~")
    except TimeoutError:
        raise Unanswered from None


@lru_cache(500)
def _pattern(text: str) -> Callable[..., object]:
    import regex  # `re` knows no time limit

    matching: Callable[..., object] = regex.compile(text).fullmatch
    return matching
