"""How soon somebody must respond to an incident."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Self

from naryad import calendar
from naryad.calendar import Calendar
from naryad.db.models.incident import Incident, Severity
from naryad.settings import Settings

_WITHIN = {
    Severity.CRITICAL: timedelta(minutes=5),
    Severity.HIGH: timedelta(minutes=30),
    Severity.MEDIUM: timedelta(hours=4),
}


class Clock(StrEnum):
    """How the response stands."""

    RUNNING = "running"
    MET = "met"
    BREACHED = "breached"


@dataclass(frozen=True)
class Response:
    """The promise: 5 minutes, 30 minutes, 4 hours, or one business day for the least grave.

    Attributes:
        calendar: When a business day is.
        zone: In which time zone.
    """

    calendar: Calendar = field(default_factory=Calendar)
    zone: tzinfo = UTC

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The promise of an install; raises `ConfigError` where its calendar is wrong."""
        return cls(calendar.load(settings), settings.zone)

    def due(self, severity: str, started_at: datetime) -> datetime:
        """By when somebody must respond: acknowledge or resolve."""
        if severity in _WITHIN:
            return started_at + _WITHIN[Severity(severity)]
        return self.calendar.after_one_day(started_at, self.zone)


def clock(incident: Incident, moment: datetime) -> Clock:
    """Where the response to an incident stands at a moment."""
    responded = incident.acknowledged_at or (incident.finished_at if incident.status == "resolved" else None)
    if incident.respond_by and (responded or moment) > incident.respond_by:
        return Clock.BREACHED
    return Clock.MET if responded else Clock.RUNNING
