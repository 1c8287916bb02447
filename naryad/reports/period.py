"""The time that a report is about: whole days of the install's time zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from naryad.db.models.report import ReportKind

_DAYS = {ReportKind.DAILY: 1, ReportKind.WEEKLY: 7}


@dataclass(frozen=True, slots=True)
class Period:
    """Some days in a row.

    Attributes:
        first: The first day; of a week its Monday.
        timezone: Where the days begin at midnight.
    """

    kind: ReportKind
    first: date
    timezone: str

    @classmethod
    def holding(cls, kind: ReportKind, day: date, timezone: str) -> "Period":
        """The period that a day belongs to."""
        return cls(kind, day - timedelta(days=day.weekday() if kind is ReportKind.WEEKLY else 0), timezone)

    @classmethod
    def last(cls, kind: ReportKind, moment: datetime, timezone: str) -> "Period":
        """The last period that is over at a moment."""
        today = cls.holding(kind, moment.astimezone(ZoneInfo(timezone)).date(), timezone)
        return today.before

    @property
    def before(self) -> "Period":
        """The one before it."""
        return Period(self.kind, self.first - timedelta(days=_DAYS[self.kind]), self.timezone)

    @property
    def days(self) -> list[date]:
        """Each of its days."""
        return [self.first + timedelta(days=number) for number in range(_DAYS[self.kind])]

    @property
    def since(self) -> datetime:
        """Its begin, in UTC."""
        return self._midnight(self.first)

    @property
    def until(self) -> datetime:
        """Its end, which belongs to the next one, in UTC."""
        return self._midnight(self.first + timedelta(days=_DAYS[self.kind]))

    def _midnight(self, day: date) -> datetime:
        """The begin of a day, also of one whose midnight daylight saving time leaves out."""
        return datetime.combine(day, time(), ZoneInfo(self.timezone)).astimezone(UTC)
