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
    WAITING = "waiting"
    RESOLVED = "resolved"
    ESCALATED = "escalated"


class Incident(SQLModel, table=True):
    """One incident, which is one thread of the Ops agent.

    `timeline` is a list of `{at, event, text}`; `evidence` of `{id, tool, args, summary}`.
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
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
