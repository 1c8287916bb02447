"""Jobs that time starts: what they are, what became of them, and a person's hand on them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from server import errors
from server.access import Admin
from server.jobs.schemas import JobChange, JobHistory, JobRunShown, Jobs, JobShown
from server.parts import Using

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=errors.answers(401, 403, 422))
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9._-]{0,62}$")]


@router.get("")
async def listed(_caller: Admin, parts: Using) -> Jobs:
    """All jobs with their last runs."""
    return Jobs(jobs=[JobShown.of(job, run) for job, run in await parts.scheduler.journal.jobs()])


@router.patch("/{name}", responses=errors.answers(404, 413))
async def change(name: Name, wanted: JobChange, _caller: Admin, parts: Using) -> JobShown:
    """Let the schedule start a job, or not."""
    await parts.scheduler.journal.enable(name, enabled=wanted.enabled)
    return next(JobShown.of(job, run) for job, run in await parts.scheduler.journal.jobs() if job.name == name)


@router.get("/{name}/runs", responses=errors.answers(404))
async def history(
    name: Name, _caller: Admin, parts: Using, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> JobHistory:
    """What became of a job's runs, the newest first."""
    found = await parts.scheduler.journal.history(name, limit=limit)
    return JobHistory(runs=[JobRunShown.of(run) for run in found])


@router.post("/{name}/runs", status_code=202, responses=errors.answers(404, 409, 413))
async def run(name: Name, caller: Admin, parts: Using) -> JobRunShown:
    """Run a job now; one that is at work is not begun again."""
    asked = await parts.scheduler.journal.ask(name, caller.person.id)
    parts.scheduler.wake()
    return JobRunShown.of(asked)


@router.post("/{name}/cancel", status_code=202, responses=errors.answers(404, 409, 413))
async def cancel(name: Name, caller: Admin, parts: Using) -> JobRunShown:
    """End a job's present run; the process that runs it does so within seconds."""
    ending = await parts.scheduler.journal.cancel(name, caller.person.id)
    parts.scheduler.wake()
    return JobRunShown.of(ending)
