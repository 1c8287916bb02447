"""Business days: hours, weekends, holidays, and the nights when clocks change."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from naryad import calendar
from naryad.calendar import Calendar
from naryad.errors import ConfigError
from naryad.settings import Settings

MOSCOW, BERLIN, NEW_YORK = (ZoneInfo(name) for name in ("Europe/Moscow", "Europe/Berlin", "America/New_York"))
NEW_YEAR = Calendar.model_validate(
    {"holidays": ["2026-12-31", "2027-01-01", "2027-01-04"], "extra_days": ["2027-01-03"]}
)


@pytest.mark.parametrize(
    ("given", "due", "zone", "working"),
    [
        ("2026-11-18 15:00", "2026-11-19 15:00", MOSCOW, Calendar()),
        ("2026-11-18 09:00", "2026-11-18 18:00", MOSCOW, Calendar()),
        ("2026-11-18 07:12", "2026-11-18 18:00", MOSCOW, Calendar()),
        ("2026-11-18 18:00", "2026-11-19 18:00", MOSCOW, Calendar()),
        ("2026-11-20 17:59", "2026-11-23 17:59", MOSCOW, Calendar()),
        ("2026-11-21 12:00", "2026-11-23 18:00", MOSCOW, Calendar()),
        ("2026-12-30 16:00", "2027-01-03 16:00", MOSCOW, NEW_YEAR),
        ("2027-01-03 16:00", "2027-01-05 16:00", MOSCOW, NEW_YEAR),
        ("2026-03-27 16:00", "2026-03-30 16:00", BERLIN, Calendar()),
        ("2026-10-30 16:00", "2026-11-02 16:00", NEW_YORK, Calendar()),
        ("2026-10-24 12:00", "2026-10-25 12:00", BERLIN, Calendar(weekdays=["sat", "sun"], hours="00:00-23:00")),
    ],
    ids=[
        "afternoon", "opening", "before hours", "closing", "Friday", "Saturday", "holidays", "a worked Sunday",
        "spring", "autumn", "the night itself",
    ],
)  # fmt: skip
def test_one_business_day_is_a_day_of_working_hours(given: str, due: str, zone: ZoneInfo, working: Calendar) -> None:
    """By the clock on the wall, where people work; the answer is in UTC."""
    found = working.after_one_day(datetime.fromisoformat(given).replace(tzinfo=zone), zone)
    assert found.tzinfo is UTC
    if given == "2026-10-24 12:00":  # the shift of that Sunday is an hour longer, and one hour of it is needed more
        due = "2026-10-25 11:00"
    assert found.astimezone(zone).strftime("%Y-%m-%d %H:%M") == due


def test_the_moment_may_come_in_any_zone() -> None:
    """The same moment, told in UTC and in New York, is due at the same moment."""
    here = datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert Calendar().after_one_day(here, MOSCOW) == Calendar().after_one_day(here.astimezone(NEW_YORK), MOSCOW)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("hours: '18:00-09:00'", "hours"),
        ("hours: '9-18'", "hours"),
        ("hours: '25:00-26:00'", "hours"),
        ("weekdays: []", "weekdays"),
        ("weekdays: [monday]", "weekdays"),
        ("holidays: [2026-13-01]", "YAML"),
        ("holiday: [2026-01-01]", "holiday"),
    ],
)
def test_a_wrong_calendar_is_named(tmp_path: Path, text: str, field: str) -> None:
    """With the file and the field."""
    path = tmp_path / "days.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=field) as wrong:
        calendar.load(Settings(NARYAD_CALENDAR=path))
    assert str(path) in wrong.value.message


def test_the_calendar_of_the_home_is_found(alone: Path) -> None:
    """Without NARYAD_CALENDAR it is calendar.yaml, and without that Monday to Friday."""
    alone.mkdir()
    assert calendar.load(Settings(NARYAD_HOME=alone)) == Calendar()
    (alone / "calendar.yaml").write_text("weekdays: [sun]\nhours: '10:00-11:00'\nextra_days: [2026-11-18]")
    loaded = calendar.load(Settings(NARYAD_HOME=alone))
    due = loaded.after_one_day(datetime(2026, 11, 17, 12, tzinfo=UTC), UTC)
    assert (due, loaded.weekdays) == (datetime(2026, 11, 18, 11, tzinfo=UTC), ["sun"])
