"""The jobs there are."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from agents.registry import Crew, load_catalogue
from naryad import retention
from naryad.alerts.intake import Intake
from naryad.alerts.response import Response
from naryad.alerts.rules import Surroundings
from naryad.clock import now
from naryad.db.models.job import JobRun
from naryad.db.models.report import ReportKind
from naryad.outbox import Outbox
from naryad.reports.archive import Archive
from naryad.reports.period import Period
from naryad.reports.sending import send
from naryad.scheduler.monitors import Monitors
from naryad.scheduler.scheduler import Work
from naryad.sentinel import canary, sentinel
from naryad.sentinel.canary import Canaries
from naryad.sentinel.recorder import Made
from server.jobs import looks

BY = "system:jobs"


def archive_of(crew: Crew) -> Archive:
    """The reports of an install."""
    settings = crew.runtime.settings
    names = [service.name for service in load_catalogue(settings).services]
    return Archive(crew.runtime.database, settings, names)


def works(
    crew: Crew,
    archive: Archive,
    outbox: Outbox,
    *,
    made: Mapping[str, Made] | None = None,
    canaries: Canaries | None = None,
) -> list[Work]:
    """All jobs, on a crew; canaries are played where there are any."""
    settings, database, catalogue = crew.runtime.settings, crew.runtime.database, load_catalogue(crew.runtime.settings)
    stands_on = {service.name: service.depends_on for service in catalogue.services}
    intake = Intake(database, crew.runtime.events, Surroundings(stands_on), Response.of(settings))
    monitors = Monitors(database, intake, [partial(look, catalogue) for look in (looks.services, looks.limits)])

    degraded = Monitors(database, intake, [partial(sentinel.look, database, crew.runs.agents)])

    async def play(_run: JobRun) -> Mapping[str, int]:
        assert canaries is not None
        return await canary.play(canaries, database, made or {})

    watching = [Work("sentinel", "every 3600", degraded.look)] if settings.sentinel else []
    if settings.sentinel and canaries:
        watching.append(Work("canaries", "every 3600", play, most=timedelta(minutes=45)))

    async def cleanup(_run: JobRun) -> dict[str, int]:
        return {"rows": await retention.prune(database, now()), "reports": await archive.prune(now())}

    async def report(kind: ReportKind, run: JobRun) -> dict[str, object]:
        # By the time of the fire: a run that is late, or begun once more, is about the same days.
        made = await archive.make(Period.last(kind, run.fire_at, settings.timezone), run.by or BY)
        return {"report": made.id, "messages": await send(made, archive, database, outbox, settings)}

    hour, minute = map(int, settings.report_time.split(":"))
    nightly = partial(Work, timezone=settings.timezone)
    return [
        *watching,
        Work("monitors", "every 60", monitors.look),
        Work("cleanup", "every 3600", cleanup),
        nightly("report.daily", f"cron {minute} {hour} * * *", partial(report, ReportKind.DAILY)),
        nightly("report.weekly", f"cron {minute} {hour} * * mon", partial(report, ReportKind.WEEKLY)),
    ]
