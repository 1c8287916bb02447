"""When jobs fire, on ordinary days and on those when the clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from naryad.errors import ConfigError
from naryad.scheduler.schedule import Schedule

CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Santiago", date(2026, 9, 6)),
    ("Europe/Moscow", date(2026, 3, 29)),
]


def fires(schedule: Schedule, begin: datetime, end: datetime) -> list[datetime]:
    found = []
    while (begin := schedule.after(begin)) <= end:
        found.append(begin)
    return found


@pytest.mark.parametrize("wall", ["0 0", "15 0", "30 1", "0 2", "30 2", "0 3", "59 23"])
@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_a_nightly_job_runs_once_each_day(zone: str, change: date, wall: str) -> None:
    """Also on the day that has its hour twice or not at all, and on those around it, at its wall time or just after."""
    minute, hour = map(int, wall.split())
    middle = datetime(change.year, change.month, change.day, 12, tzinfo=ZoneInfo(zone))
    begin, end = middle - timedelta(days=4), middle + timedelta(days=4)
    found = [fire.astimezone(ZoneInfo(zone)) for fire in fires(Schedule(f"cron {wall} * * *", zone), begin, end)]
    assert len({fire.date() for fire in found}) == len(found) == 8
    late = [(fire.hour - hour) * 60 + fire.minute - minute for fire in found]
    assert set(late) <= {0, 30, 60}
    assert sum(minutes != 0 for minutes in late) <= 1


def test_minutes_are_the_same_in_every_process() -> None:
    """They count from one moment for all, and from a whole one the next is a whole one."""
    schedule, moment = Schedule("every 60"), datetime(2026, 11, 21, 9, 0, 0, 1, UTC)
    found = fires(schedule, moment, moment + timedelta(minutes=5))
    assert [(fire.minute, fire.second, fire.microsecond) for fire in found] == [(n, 0, 0) for n in range(1, 6)]
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=1)}


@pytest.mark.parametrize("text", ["every 7", "cron 30 2 * * *", "cron 0 2 * * mon"])
def test_missed_fires_are_counted(text: str) -> None:
    """The last one and the number before it, as one by one would give."""
    schedule, begin = Schedule(text, "Europe/Berlin"), datetime(2026, 3, 20, 1, tzinfo=UTC)
    due = schedule.after(begin)
    moment = due + timedelta(days=25, seconds=3)
    step_by_step = [due, *fires(schedule, due, moment)]
    if text.startswith("every"):
        assert schedule.last(due, moment) == (step_by_step[-1], len(step_by_step) - 1)
    assert schedule.last(due, moment)[1] == len(step_by_step) - 1
    assert schedule.last(due, due) == (due, 0)


@pytest.mark.parametrize("text", ["", "every 0", "every x", "every", "cron 1", "cron 61 * * * *", "daily 02:00"])
def test_nonsense_is_refused(text: str) -> None:
    """Before anything is written down."""
    with pytest.raises(ConfigError):
        Schedule(text)
