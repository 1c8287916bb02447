"""The clocks of tickets, against an oracle that counts every single minute."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naryad.calendar import WEEKDAYS, Calendar
from naryad.db.models.ticket import Priority, Ticket, TicketStatus
from naryad.errors import ConfigError
from naryad.settings import Settings
from naryad.tickets import clocks
from naryad.tickets.promise import Promise, Targets

MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 10, 19, tzinfo=UTC)  # the clocks of Berlin change six days later
HORIZON = 40 * 24 * 60

CALENDARS = st.builds(
    lambda days, begin, length, off, extra: Calendar(
        weekdays=sorted(days, key=WEEKDAYS.index),
        hours=f"{begin:02d}:00-{begin + length:02d}:30",
        holidays=frozenset(date(2026, 10, 19) + timedelta(days=day) for day in off),
        extra_days=frozenset(date(2026, 10, 19) + timedelta(days=day) for day in extra),
    ),
    st.sets(st.sampled_from(WEEKDAYS), min_size=3),
    st.integers(4, 12),
    st.integers(1, 10),
    st.sets(st.integers(0, 20), max_size=4),
    st.sets(st.integers(0, 20), max_size=4),
)
ZONES = st.sampled_from([ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")])
STRETCHES = st.lists(st.integers(1, 3_000), min_size=1, max_size=8)
"""Minutes for which the clocks run, stand still, run …"""
WITHIN = st.sampled_from(["1m", "45m", "4h", "30h", "1d", "3d"])


def counts(promise: Promise, within: str, minute: datetime) -> bool:
    """Whether a minute is one that a target of this kind counts."""
    if not within.endswith("d"):
        return True
    there = minute.astimezone(promise.zone)
    begin, end = map(time.fromisoformat, promise.calendar.hours.split("-"))
    return promise.calendar.working(there.date()) and begin <= there.time() < end


def minutes_of(promise: Promise, within: str) -> int:
    begin, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in promise.calendar.hours.split("-"))
    return int(within[:-1]) * {"m": 1, "h": 60, "d": end - begin}[within[-1]]


def oracle(promise: Promise, within: str, spells: Sequence[tuple[datetime, datetime | None]]) -> datetime | None:
    """The end of the minute in which the last minute of the target has run."""
    left = minutes_of(promise, within)
    for begin, end in spells:
        minute = begin
        while minute < (end or begin + HORIZON * MINUTE):
            left -= counts(promise, within, minute)
            minute += MINUTE
            if left == 0:
                return minute
    return None


def spells_of(start: int, stretches: Sequence[int]) -> list[tuple[datetime, datetime | None]]:
    at, edges = BEGIN + start * MINUTE, []
    for stretch in [0, *stretches]:
        at += stretch * MINUTE
        edges.append(at)
    running: list[tuple[datetime, datetime | None]] = [(edges[-1], None)] if len(stretches) % 2 == 0 else []
    return [*list(pairwise(edges))[::2], *running]


@settings(max_examples=60, deadline=None)
@given(CALENDARS, ZONES, WITHIN, st.integers(0, 14 * 24 * 60), STRETCHES)
def test_a_promise_is_due_when_its_minutes_have_run(
    calendar: Calendar, zone: ZoneInfo, within: str, start: int, stretches: list[int]
) -> None:
    """Whatever the calendar, the zone, the night when clocks change, and however often it stood still."""
    promise = Promise(Targets(resolution={Priority.HIGH: within}), calendar, zone)
    spells = spells_of(start, stretches)
    assert promise.resolution_due(Priority.HIGH, spells) == oracle(promise, within, spells)


@settings(max_examples=60, deadline=None)
@given(CALENDARS, ZONES, WITHIN, st.integers(0, 14 * 24 * 60), STRETCHES)
def test_a_broken_promise_is_noticed_whenever_somebody_looks(
    calendar: Calendar, zone: ZoneInfo, within: str, start: int, stretches: list[int]
) -> None:
    """A ticket that waits and goes on: at its last change it is late exactly if the oracle's moment has passed."""
    promise = Promise(Targets(resolution={Priority.HIGH: within}), calendar, zone)
    at = BEGIN + start * MINUTE
    ticket = Ticket(number=1, subject="", text="", requester="a", priority=Priority.HIGH)
    clocks.wind(ticket, promise, at)
    happened: list[str] = []
    for number, stretch in enumerate(stretches):
        at += stretch * MINUTE
        happened += clocks.tick(ticket, promise, at)
        ticket.status = (TicketStatus.WAITING, TicketStatus.OPEN)[number % 2]
        clocks.wind(ticket, promise, at)
    due = oracle(promise, within, spells_of(start, stretches))
    late = due is not None and due < at
    assert (ticket.resolution_breached_at is not None) is late
    assert happened.count("resolution.breached") == late
    assert happened.count("resolution.warned") <= 1
    if ticket.status is TicketStatus.OPEN:
        assert ticket.resolve_by == due
        assert (ticket.look_at is None) is (late and ticket.response_breached_at is not None)


def test_the_company_writes_its_own_promise(tmp_path: Path) -> None:
    """In sla.yaml; what it leaves out is as shipped, and what is wrong is named with its line."""
    settings = Settings(NARYAD_HOME=tmp_path, NARYAD_TIMEZONE="UTC")
    begun = [(datetime(2026, 11, 16, 9, tzinfo=UTC), None)]
    file = tmp_path / "sla.yaml"
    file.write_text("resolution: {critical: 90m}\nclose_days: 0\n", encoding="utf-8")
    promise = Promise.of(settings)
    assert promise.resolution_due(Priority.CRITICAL, begun) == datetime(2026, 11, 16, 10, 30, tzinfo=UTC)
    assert promise.response_due(Priority.CRITICAL, begun) == datetime(2026, 11, 16, 9, 5, tzinfo=UTC)
    assert promise.response_due(Priority.LOW, begun) == datetime(2026, 11, 16, 18, tzinfo=UTC)
    for wrong in ("resolution: {critical: soon}", "resolution: {urgent: 1h}", "warn_at: 2", "respond: 1h"):
        file.write_text(f"\n{wrong}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"sla\.yaml:2"):
            Promise.of(settings)
