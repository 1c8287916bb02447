"""Jobs that time starts, the journal of their runs, and what the monitors saw last."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class RunStatus(StrEnum):
    """How a run of a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """Each process that ran it ended in the middle."""


class Job(SQLModel, table=True):
    """One job.

    Attributes:
        schedule: `every 60` seconds, or `cron 0 2 * * mon` in the job's time zone.
        due_at: When it fires next.
        run_id: Its run that waits or goes on; there is one at most.
    """

    name: str = Field(primary_key=True)
    schedule: str
    timezone: str
    enabled: bool = True
    due_at: datetime = Field(sa_type=UtcDateTime)
    run_id: str | None = None


class JobRun(SQLModel, table=True):
    """One run of a job: of one fire, or because somebody asked.

    Attributes:
        fire_at: When it was due; after a stop the last of the missed times.
        missed: How many fires before it were missed, and are made up for by this run.
        by: Who asked; empty for the schedule.
        attempts: How often it was begun: twice where the process that ran it ended in the middle.
        owner: The process that runs it, until `lease_until`.
        cancelled_by: Who wants it to end.
    """

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job", "fire_at"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    job: str
    fire_at: datetime = Field(sa_type=UtcDateTime)
    missed: int = 0
    by: str = ""
    status: RunStatus = Field(default=RunStatus.QUEUED, sa_type=text_enum(RunStatus))
    attempts: int = 0
    owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_by: str | None = None
    result: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    error: str = ""
    queued_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class Watched(SQLModel, table=True):
    """What is wrong with one thing that a monitor looks at; the row goes when it is well again.

    Attributes:
        name: The finding: `service/alertname`.
        failures: How many looks in a row found it.
        since: The first of them.
        seen_at: The last.
        told: Whether an alert was told of it.
        labels: Of that alert.
    """

    name: str = Field(primary_key=True)
    failures: int = 1
    since: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    told: bool = False
    labels: dict[str, str] = Field(default_factory=dict, sa_type=Json)
