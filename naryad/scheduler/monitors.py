"""What the monitors find becomes alerts: begun and ended as any monitor of the company would tell them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, select

from naryad.alerts.intake import Intake
from naryad.alerts.told import Told, told
from naryad.clock import now
from naryad.db.models.job import JobRun, Watched
from naryad.db.session import Database

log = structlog.get_logger()
IN_A_ROW = 2
"""Looks in a row that must find it before anybody is told: one lost packet is no alert."""
FORGOTTEN = timedelta(days=1)
"""What nobody has looked at for so long, because it left the catalogue, is over."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        labels: Of the alert; `alertname`, `service` or `host`, and `severity` among them.
        summary: It in one line.
        metric: Where a threshold is exceeded: `metric`, `threshold` and `value`.
    """

    labels: Mapping[str, str]
    summary: str
    metric: Mapping[str, str] = field(default_factory=dict)


Looks = Mapping[str, Finding | None]
"""What was looked at, by name, and what is wrong with it; what could not be looked at from here is left out."""


class Monitors:
    """Looks at everything, and tells what changed.

    Args:
        database: Where it is remembered what is wrong: several processes take turns.
        intake: Who is told.
        looks: The monitors.
    """

    def __init__(self, database: Database, intake: Intake, looks: Sequence[Callable[[], Awaitable[Looks]]]) -> None:
        self._database, self._intake, self._looks = database, intake, looks

    async def look(self, _run: JobRun) -> Mapping[str, int]:
        """Look once. Telling again what was told changes nothing, so a crash in the middle does no harm."""
        found: dict[str, Finding | None] = {}
        for look in self._looks:
            try:
                found |= await look()
            except Exception:  # one look that breaks must not hide what the others see
                log.exception("monitors.look.broke")
        moment = now()
        firing, over = await self._database.transact(lambda session: _compared(session, found, moment))
        if alerts := [_told(row, found.get(row.name), moment) for row in (*firing, *over)]:
            await self._intake.accept(alerts)
        await self._database.transact(lambda session: _remember(session, firing, over))
        return {"looked": len(found), "wrong": sum(one is not None for one in found.values()), "ended": len(over)}


def _compared(session: Session, found: Looks, moment: datetime) -> tuple[list[Watched], list[Watched]]:
    """Count what is wrong; returns what is to be told as firing and what as over."""
    known = {row.name: row for row in session.exec(select(Watched)).all()}
    firing, over = [], []
    for name, finding in found.items():
        row = known.get(name)
        if finding:
            row = row or Watched(name=name, failures=0, since=moment, labels=dict(finding.labels))
            row.failures, row.seen_at = row.failures + 1, moment
            session.add(row)
            if row.failures >= IN_A_ROW:
                firing.append(row)
        elif row and row.told:
            over.append(row)
        elif row:
            session.delete(row)
    gone = [row for name, row in known.items() if name not in found and row.seen_at < moment - FORGOTTEN]
    return firing, over + gone


def _remember(session: Session, firing: Sequence[Watched], over: Sequence[Watched]) -> None:
    for row in firing:
        if kept := session.get(Watched, row.name):
            kept.told = True
            session.add(kept)
    for row in over:
        if kept := session.get(Watched, row.name):
            session.delete(kept)


def _told(row: Watched, finding: Finding | None, moment: datetime) -> Told:
    """The message; its labels are those of the begin, for they are its identity."""
    texts = {"summary": finding.summary, **finding.metric} if finding else {}
    labels = {**row.labels, "source": "naryad"}
    ended = None if finding else moment
    return told(labels, moment=moment, annotations=texts, starts_at=row.since, ends_at=ended, resolved=finding is None)
