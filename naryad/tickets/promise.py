"""What is promised: how soon somebody responds to a ticket and how soon it is resolved, by its priority."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from naryad import calendar, yaml_model
from naryad.calendar import Calendar
from naryad.db.models.ticket import Priority
from naryad.settings import Settings

Spells = Sequence[tuple[datetime, datetime | None]]
"""When a clock ran, in order; the last end is None while it runs."""
Within = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,3}(m|h|d)$")]
"""`30m` and `4h` by the clock on the wall, day and night; `2d` in working days."""
_SPELLED = re.compile(r"(\d+)(\w)")


class Targets(BaseModel):
    """The promise as a company writes it, in NARYAD_HOME/sla.yaml.

    Attributes:
        response: The time for the first response.
        resolution: The time to the resolution.
        warn_at: The share of a time after which people are warned.
        reopen_days: So long after its closing a ticket can be reopened; later a new one follows it.
        close_days: So long after its resolution a ticket is closed, unless its requester comes back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    response: Mapping[Priority, Within] = {}
    resolution: Mapping[Priority, Within] = {}
    warn_at: float = Field(0.8, gt=0, lt=1)
    reopen_days: int = Field(14, ge=0, le=365)
    close_days: int = Field(3, ge=0, le=365)


RESPONSE: Mapping[Priority, str] = {
    Priority.CRITICAL: "5m", Priority.HIGH: "30m", Priority.MEDIUM: "4h", Priority.LOW: "1d"
}  # fmt: skip
RESOLUTION: Mapping[Priority, str] = {
    Priority.CRITICAL: "4h", Priority.HIGH: "8h", Priority.MEDIUM: "3d", Priority.LOW: "5d"
}  # fmt: skip


def load(settings: Settings) -> Targets:
    """The company's targets, else the usual ones; raises `ConfigError` where the file is wrong."""
    path = settings.home / "sla.yaml"
    return yaml_model.load(path, Targets) if path.exists() else Targets()


@dataclass(frozen=True)
class Promise:
    """The targets on the company's calendar.

    Attributes:
        calendar: When a working day is.
        zone: In which time zone.
    """

    targets: Targets = field(default_factory=Targets)
    calendar: Calendar = field(default_factory=Calendar)
    zone: tzinfo = UTC

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The promise of an install; raises `ConfigError` where its calendar or its targets are wrong."""
        return cls(load(settings), calendar.load(settings), settings.zone)

    def response_due(self, priority: Priority, spells: Spells, share: float = 1) -> datetime | None:
        """When the first response is due, or when a share of its time is over."""
        return self._due(self.targets.response.get(priority, RESPONSE[priority]), spells, share)

    def resolution_due(self, priority: Priority, spells: Spells, share: float = 1) -> datetime | None:
        """When the resolution is due, or when a share of its time is over."""
        return self._due(self.targets.resolution.get(priority, RESOLUTION[priority]), spells, share)

    def _due(self, within: str, spells: Spells, share: float) -> datetime | None:
        """The first moment at which the clock has run so long; None where it stands still before."""
        found = _SPELLED.fullmatch(within)
        assert found
        amount, working = int(found[1]) * share, found[2] == "d"
        left = amount * (self.calendar.day if working else timedelta(**{_UNITS[found[2]]: 1}))
        for begin, end in spells:
            if end is None:
                return self.calendar.after(begin, left, self.zone) if working else begin + left
            ran = self.calendar.worked(begin, end, self.zone) if working else end - begin
            if ran >= left:
                return self.calendar.after(begin, left, self.zone) if working else begin + left
            left -= ran
        return None


_UNITS = {"m": "minutes", "h": "hours"}
