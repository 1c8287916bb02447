"""`naryad jobs`: what time starts, and what became of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.errors import NaryadError
from naryad.i18n import N_, _

if TYPE_CHECKING:
    from naryad.db.models.job import JobRun
    from naryad.scheduler.scheduler import Scheduler
    from naryad.settings import Settings

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
Name = Annotated[str, typer.Argument(metavar="NAME", help=N_("The job's name."))]
BY = "local"
_STATUSES = (N_("queued"), N_("running"), N_("done"), N_("failed"), N_("cancelled"), N_("lost"))
"""As they are shown."""


@app.command("list", help=N_("All jobs: when they fire, and how the last run ended."))
def listed(json: Json = False) -> None:
    """List jobs."""
    session.go(_list(json=json))


@app.command(help=N_("Run a job now, and wait for its end."))
def run(name: Name, json: Json = False) -> None:
    """Run one."""
    session.go(_run(name, json=json))


@app.command(help=N_("Let the schedule start a job again."))
def enable(name: Name, json: Json = False) -> None:
    """Enable one."""
    session.go(_enable(name, enabled=True, json=json))


@app.command(help=N_("Keep the schedule from starting a job."))
def disable(name: Name, json: Json = False) -> None:
    """Disable one."""
    session.go(_enable(name, enabled=False, json=json))


@app.command(help=N_("End a job's present run."))
def cancel(name: Name, json: Json = False) -> None:
    """Cancel one."""
    session.go(_cancel(name, json=json))


@app.command(help=N_("The runs of a job, the newest first."))
def history(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help=N_("At most so many."))] = 20,
    json: Json = False,
) -> None:
    """Show its runs."""
    session.go(_history(name, limit=limit, json=json))


@asynccontextmanager
async def _opened() -> "AsyncIterator[tuple[Scheduler, Settings]]":
    """The scheduler of this process, its jobs written down."""
    from naryad.outbox import Outbox
    from naryad.scheduler.scheduler import Scheduler
    from server.jobs.works import archive_of, works

    async with session.crew() as crew:
        database = crew.runtime.database
        scheduler = Scheduler(database, works(crew, archive_of(crew), Outbox(database)))
        await scheduler.declare()
        yield scheduler, crew.runtime.settings


async def _list(*, json: bool) -> None:
    from server.jobs.schemas import JobShown

    async with _opened() as (scheduler, settings):
        found = await scheduler.journal.jobs()
        if json:
            for job, last in found:
                show.as_json(JobShown.of(job, last))
            return
        zone = settings.zone
        rows = [
            (
                job.name,
                job.schedule,
                show.moment(job.due_at, zone) if job.enabled else _("disabled"),
                show.moment(last.fire_at, zone) if last else "—",
                _(last.status) if last else "—",
                last.error if last else "",
            )
            for job, last in found
        ]
        show.table([_("Job"), _("Schedule"), _("Next"), _("Last"), _("Status"), _("Error")], rows)


async def _run(name: str, *, json: bool) -> None:
    async with _opened() as (scheduler, _settings):
        ended = await scheduler.once(name, BY)
        _tell(ended, json=json)
        if ended.status != "done":
            raise NaryadError(
                _("The job {name} ended: {status}. {why}").format(name=name, status=_(ended.status), why=ended.error)
            )


async def _enable(name: str, *, enabled: bool, json: bool) -> None:
    async with _opened() as (scheduler, _settings):
        job = await scheduler.journal.enable(name, enabled=enabled)
        if json:
            show.as_json({"name": job.name, "enabled": job.enabled, "due_at": job.due_at})
        else:
            text = _("The schedule starts {name} again.") if enabled else _("The schedule starts {name} no more.")
            show.console().print(text.format(name=name))


async def _cancel(name: str, *, json: bool) -> None:
    async with _opened() as (scheduler, _settings):
        ending = await scheduler.journal.cancel(name, BY)
        if json:
            show.as_json({"run": ending.id, "cancelled_by": ending.cancelled_by})
        else:
            show.console().print(_("The run will end within seconds."))


async def _history(name: str, *, limit: int, json: bool) -> None:
    from server.jobs.schemas import JobRunShown

    async with _opened() as (scheduler, settings):
        found = await scheduler.journal.history(name, limit=limit)
        if json:
            for each in found:
                show.as_json(JobRunShown.of(each))
            return
        zone = settings.zone
        rows = [
            (show.moment(each.fire_at, zone), _(each.status), str(each.attempts), str(each.missed), each.by, each.error)
            for each in found
        ]
        show.table([_("Fire"), _("Status"), _("Attempts"), _("Missed"), _("By"), _("Error")], rows)


def _tell(ended: "JobRun", *, json: bool) -> None:
    from server.jobs.schemas import JobRunShown

    if json:
        show.as_json(JobRunShown.of(ended))
    elif ended.status == "done":
        show.console().print(_("Done: {result}").format(result=ended.result), markup=False)
