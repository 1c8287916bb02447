"""Patterns of silences: what fits, and what takes too long."""

import pytest

from naryad.alerts import matchers
from naryad.alerts.matchers import fits

WEB = {"service": "web", "host": "db1"}


@pytest.mark.parametrize(
    ("op", "name", "value", "fitting"),
    [
        ("=", "service", "web", True),
        ("!=", "service", "web", False),
        ("=~", "host", "db.", True),
        ("=~", "host", "b", False),
        ("!~", "host", "b", True),
        ("=", "rack", "", True),
    ],
)
def test_a_matcher_reads_as_in_alertmanager(op: str, name: str, value: str, fitting: bool) -> None:
    """A pattern must fit the whole value; a label that is not there is empty."""
    assert fits([{"name": name, "op": op, "value": value}], WEB) is fitting


def test_a_slow_pattern_costs_its_time_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fits nothing, and is not tried on the next alert of the same transaction: others wait for that to end."""
    tried = []

    def endless(text: str) -> object:
        def match(value: str, timeout: float) -> object:
            tried.append(value)
            raise TimeoutError

        return match

    monkeypatch.setattr(matchers, "_pattern", endless)
    rules = [{"name": "service", "op": "=~", "value": "((a{1,99}){1,99}){1,99}b"}]
    assert [fits(rules, WEB) for _ in range(100)] == [False] * 100
    assert len(tried) == 1
