"""The working calendar: when a business day is, for what must be answered within one."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from naryad import yaml_model
from naryad.settings import Settings

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class Calendar(BaseModel):
    """Working days and hours, in the install's time zone.

    Attributes:
        weekdays: The days of the week that are worked.
        hours: From and to, the same on every working day: «09:00-18:00».
        holidays: Days that are not worked, whatever day of the week they are.
        extra_days: Days that are worked all the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weekdays: list[Weekday] = Field(default=["mon", "tue", "wed", "thu", "fri"], min_length=1)
    hours: str = Field("09:00-18:00", pattern=r"^\d\d:\d\d-\d\d:\d\d$")
    holidays: frozenset[date] = frozenset()
    extra_days: frozenset[date] = frozenset()

    @field_validator("hours")
    @classmethod
    def _begin_before_their_end(cls, hours: str) -> str:
        begin, end = map(time.fromisoformat, hours.split("-"))
        if begin >= end:
            raise ValueError("the hours must end later on the same day than they begin")
        return hours

    @cached_property
    def _hours(self) -> tuple[time, time]:
        begin, end = map(time.fromisoformat, self.hours.split("-"))
        return begin, end

    def working(self, day: date) -> bool:
        """Whether people work on that day."""
        usual = WEEKDAYS[day.weekday()] in self.weekdays and day not in self.holidays
        return usual or day in self.extra_days

    def after_one_day(self, moment: datetime, zone: tzinfo) -> datetime:
        """The moment by which one business day of working hours has passed, in UTC.

        What comes at three in the afternoon is due at three on the next working day; what comes on a day off, at the
        end of the next working day.
        """
        return self.after(moment, self.day, zone)

    @property
    def day(self) -> timedelta:
        """How long a working day is."""
        begin, end = (datetime.combine(date.min, clock) for clock in self._hours)
        return end - begin

    def after(self, moment: datetime, work: timedelta, zone: tzinfo) -> datetime:
        """The first moment by which so much working time has passed, in UTC."""
        if work <= timedelta():
            return moment.astimezone(UTC)
        for opens, closes in self._shifts(moment.astimezone(zone).date(), zone):
            there = max(closes - max(opens, moment.astimezone(UTC)), timedelta())
            if there >= work:
                return closes - (there - work)
            work -= there
        raise AssertionError("working days never end")

    def worked(self, begin: datetime, end: datetime, zone: tzinfo) -> timedelta:
        """How much working time lies between two moments."""
        passed = timedelta()
        for opens, closes in self._shifts(begin.astimezone(zone).date(), zone):
            if opens >= end:
                return passed
            passed += max(min(closes, end.astimezone(UTC)) - max(opens, begin.astimezone(UTC)), timedelta())
        raise AssertionError("working days never end")

    def _shifts(self, day: date, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        while True:
            if self.working(day):
                opens, closes = (datetime.combine(day, clock, zone).astimezone(UTC) for clock in self._hours)
                yield opens, closes
            day += timedelta(days=1)


def load(settings: Settings) -> Calendar:
    """The named calendar, else the one in NARYAD_HOME, else Monday to Friday.

    Raises:
        ConfigError: The file is wrong; names file, line and field.
    """
    path = settings.calendar or settings.home / "calendar.yaml"
    return yaml_model.load(path, Calendar) if settings.calendar or path.exists() else Calendar()
