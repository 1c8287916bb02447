"""When a job fires: by APScheduler's triggers, on a clock that daylight saving time cannot confuse."""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from naryad.errors import ConfigError

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
MOST_COUNTED = 10_000
"""No more missed fires are counted one by one."""


class Schedule:
    """One schedule.

    `every 60`: each so many seconds, the same moments in every process. `cron M H DAY MONTH WEEKDAY`: by the wall
    clock of a time zone. The trigger is asked in the wall clock's own terms, and its answer then put onto the
    line of time: asked in a zone with daylight saving time, APScheduler 3.11 fires a job at 02:30 twice on the day
    that has two of them, and leaves out the day after a change for one at 00:15. So each wall time fires once: one
    that is left out, as much later as the clock was put forward; one that comes twice, the first time.

    Args:
        text: The schedule.
        timezone: IANA name of the zone of the wall clock.

    Raises:
        ConfigError: The text is no schedule.
    """

    def __init__(self, text: str, timezone: str = "UTC") -> None:
        self._kind, _space, self._rest = text.partition(" ")
        self._zone = ZoneInfo(timezone)
        try:
            self._trigger  # noqa: B018  read now: what is wrong is said at once
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{text!r} is no schedule: {error}", source="schedule") from error

    @cached_property
    def _trigger(self) -> Any:
        from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]
        from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]

        if self._kind == "cron":
            return CronTrigger.from_crontab(self._rest, timezone=UTC)
        if self._kind != "every" or int(self._rest) < 1:
            raise ValueError("expected «every SECONDS» or «cron M H DAY MONTH WEEKDAY»")
        return IntervalTrigger(seconds=int(self._rest), start_date=_EPOCH, timezone=UTC)

    def after(self, moment: datetime) -> datetime:
        """The first fire later than a moment, in UTC."""
        asked = moment if self._kind == "every" else moment.astimezone(self._zone).replace(tzinfo=UTC, fold=0)
        while True:
            asked += _TICK
            found: datetime | None = self._trigger.get_next_fire_time(None, asked)
            if found is None:
                raise ConfigError(f"«{self._rest}» never comes", source="schedule")
            fire = found if self._kind == "every" else found.replace(tzinfo=self._zone).astimezone(UTC)
            if fire > moment:
                return fire
            asked = found

    def last(self, due: datetime, moment: datetime) -> tuple[datetime, int]:
        """The last fire up to a moment, and how many came before it since one that is due."""
        if self._kind == "every":
            missed = int((moment - due).total_seconds()) // int(self._rest)
            return due + timedelta(seconds=missed * int(self._rest)), missed
        missed = 0
        while missed < MOST_COUNTED and (following := self.after(due)) <= moment:
            due, missed = following, missed + 1
        return due, missed
