"""What the endpoints of jobs take and answer."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from naryad.db.models.job import Job, JobRun, RunStatus


class JobRunShown(BaseModel):
    """One run of a job: of a fire, or, with `by`, because somebody asked.

    `missed` fires before it are made up for by it; `attempts` is 2 where a process ended in the middle of it.
    """

    id: str
    job: str
    status: RunStatus
    fire_at: datetime
    missed: int
    by: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    result: dict[str, Any]
    error: str

    @classmethod
    def of(cls, run: JobRun) -> Self:
        """As it is shown."""
        spent = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
        return cls(**run.model_dump(include=set(cls.model_fields)), seconds=spent)


class JobShown(BaseModel):
    """One job and its last run."""

    name: str
    schedule: str
    timezone: str
    enabled: bool
    due_at: datetime
    at_work: bool
    last: JobRunShown | None

    @classmethod
    def of(cls, job: Job, run: JobRun | None) -> Self:
        """As it is shown."""
        last = JobRunShown.of(run) if run else None
        return cls(**job.model_dump(exclude={"run_id"}), at_work=job.run_id is not None, last=last)


class Jobs(BaseModel):
    """All jobs."""

    jobs: list[JobShown]


class JobHistory(BaseModel):
    """Runs of a job, the newest first."""

    runs: list[JobRunShown]


class JobChange(BaseModel):
    """Whether the schedule starts it."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool
