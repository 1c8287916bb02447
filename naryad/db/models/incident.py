"""Incidents: what was wrong, what was done, and whether it helped."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class IncidentStatus(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    WAITING = "waiting"
    RESOLVED = "resolved"
    ESCALATED = "escalated"


class Severity(StrEnum):
    """How grave it is, the gravest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Incident(SQLModel, table=True):
    """One incident, which is one thread of the Ops agent.

    Attributes:
        timeline: A list of `{at, event, text}`, in several languages, with `by` where a person did it.
        evidence: A list of `{id, tool, args, text}`.
        description: What the person who opened it said.
        respond_by: When somebody must have acknowledged or resolved it.
        breached_at: When it was noticed that nobody had.
        resolved_by: A person, an agent (`agent:…`) or `system:alerts`, when every alert was over.
        resolution: Why a person called it resolved.
        storm: Whether it holds all alerts of a storm.
        flapping_until: Until when an alert of it counts as flapping.
        merged_into: The incident that took its alerts over.
        alerts: How many episodes of alerts it holds.
        alerted_at: When the last of its alerts began or ended here.
        run_due_at: When a run of the Ops agent is to begin; None when nothing is due.
        runs: How many runs its alerts have asked for.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    thread_id: str = Field(unique=True)
    fingerprint: str = Field(index=True)
    title: str
    service: str
    severity: str
    status: IncidentStatus = Field(default=IncidentStatus.OPEN, index=True, sa_type=text_enum(IncidentStatus))
    cause: str = ""
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    timeline: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    postmortem: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    description: str = ""
    respond_by: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: str = ""
    assignee: str = ""
    breached_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved_by: str = ""
    resolution: str = ""
    storm: bool = False
    flapping_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    merged_into: str | None = None
    alerts: int = 0
    alerted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    run_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    runs: int = 0
