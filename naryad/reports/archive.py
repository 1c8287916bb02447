"""The archive: one report of each period, made once, with its files for a month."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, delete, select

from naryad.clock import new_id, now
from naryad.db.models.report import Report, ReportKind
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.i18n import _
from naryad.reports import page
from naryad.reports.figures import Figures
from naryad.reports.gathering import gather
from naryad.reports.pdf import pdf
from naryad.reports.period import Period
from naryad.settings import Settings

KEPT = timedelta(days=30)


class Archive:
    """Makes and keeps reports.

    Args:
        database: Where the figures are kept.
        settings: The time zone, and the folder of the files.
        services: Names of the services there are.
    """

    def __init__(self, database: Database, settings: Settings, services: Collection[str] = ()) -> None:
        self._database, self._settings, self._services = database, settings, services
        self._folder = settings.home / "reports"
        self._printing = asyncio.Lock()  # one child at a time: it takes a whole core

    def period(self, kind: ReportKind, day: date | None = None) -> Period:
        """The period that a day belongs to; by default the last one that is over."""
        zone = self._settings.timezone
        return Period.holding(kind, day, zone) if day else Period.last(kind, now(), zone)

    async def make(self, period: Period, by: str) -> Report:
        """The report of a period: made at the first call, and again while its period goes on.

        Raises:
            Refused: The period has not begun.
        """
        if period.since > now():
            raise Refused(_("This period has not begun yet."))
        known = await self._database.look(lambda session: _of_period(session, period))
        if known and known.made_at >= known.until:
            return known
        figures = await gather(self._database, period, self._services)
        told: dict[str, Any] = {"figures": figures.model_dump(mode="json"), "made_at": figures.taken_at, "made_by": by}

        def write(session: Session) -> Report:
            self._database.hold(session, "reports")
            row = _of_period(session, period)
            if row is None:
                zone = period.timezone
                row = Report(kind=period.kind, since=period.since, until=period.until, timezone=zone, **told)
            elif row.made_at < min(row.until, figures.taken_at):
                row.sqlmodel_update(told)
            session.add(row)
            return row

        return await self._database.transact(write)

    async def listed(self, kind: ReportKind | None = None, *, before: str = "", limit: int = 50) -> Sequence[Report]:
        """Reports, the newest first; `before` is the last id of the page before."""
        query = select(Report).order_by(col(Report.id).desc()).limit(limit)
        query = query.where(Report.kind == kind) if kind else query
        query = query.where(col(Report.id) < before) if before else query
        return await self._database.look(lambda session: session.exec(query).all())

    async def of_id(self, report_id: str) -> Report:
        """One report; raises `NotFound` where there is none."""
        found = await self._database.look(lambda session: session.get(Report, report_id))
        if found is None:
            raise NotFound(_("There is no report {id!r}.").format(id=report_id))
        return found

    async def html(self, report: Report, lang: str) -> Path:
        """Its page in a language, as a file."""
        file = self._file(report, lang, "html")
        if not await asyncio.to_thread(file.exists):
            text = await asyncio.to_thread(page.html, figures_of(report), lang)
            await asyncio.to_thread(_keep, file, text.encode())
        return file

    async def pdf(self, report: Report, lang: str) -> Path:
        """The same as PDF; made again where another machine has the file. Raises `ToolFailed`."""
        file = self._file(report, lang, "pdf")
        async with self._printing:
            if not await asyncio.to_thread(file.exists):
                text = await asyncio.to_thread((await self.html(report, lang)).read_text, encoding="utf-8")
                await asyncio.to_thread(_keep, file, await pdf(text))
        return file

    async def prune(self, moment: datetime) -> int:
        """Forget reports that are a month old, and their files; returns how many rows."""
        old = delete(Report).where(col(Report.made_at) < moment - KEPT)
        gone = await self._database.transact(lambda session: session.connection().execute(old).rowcount)
        await asyncio.to_thread(_sweep, self._folder, (moment - KEPT).timestamp())
        return gone

    def _file(self, report: Report, lang: str, suffix: str) -> Path:
        return self._folder / f"{name_of(report)}-{report.made_at:%Y%m%dT%H%M%S%f}.{lang}.{suffix}"


def figures_of(report: Report) -> Figures:
    """What a report says."""
    return Figures.model_validate(report.figures)


def name_of(report: Report) -> str:
    """The report as a file is called."""
    return f"naryad-{report.kind.value}-{figures_of(report).first_day.isoformat()}"


def _of_period(session: Session, period: Period) -> Report | None:
    query = select(Report).where(Report.kind == period.kind, Report.since == period.since, Report.until == period.until)
    return session.exec(query).first()


def _keep(file: Path, data: bytes) -> None:
    """Write a file whole: nobody ever sees a half."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = file.with_name(f".{new_id()}")
    made.touch(mode=0o600)
    made.write_bytes(data)
    made.replace(file)


def _sweep(folder: Path, before: float) -> None:
    for file in folder.glob("*") if folder.is_dir() else ():
        if file.is_file() and file.stat().st_mtime < before:
            file.unlink(missing_ok=True)
