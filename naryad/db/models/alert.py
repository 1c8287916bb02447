"""Alerts as they were accepted, the silences over them, and the components that are unwell."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime


class Alert(SQLModel, table=True):
    """One episode of an alert: from `starts_at` to `ended_at`. The rules are in `naryad.alerts.rules`.

    Attributes:
        fired: Whether it was told as firing; one that was only told as resolved belongs to no incident.
        over: Whether it is known to fire no more: it was resolved, or a later episode has begun.
        place: What it is about: `service:…`, else `host:…`, else `alert:…`.
        minute: The minute it counts in for a storm.
        silence_id: The silence that keeps it from an incident.
        reported_by: The person who told of it first, themselves or by a key; empty for Alertmanager and for ourselves.
        told: Whether its begin was told in the feed, so that its end is too.
    """

    __table_args__ = (UniqueConstraint("fingerprint", "starts_at"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    fingerprint: str
    starts_at: datetime = Field(sa_type=UtcDateTime, index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fired: bool = False
    over: bool = False
    labels: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    annotations: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    source_url: str = ""
    severity: str
    service: str = Field(default="", index=True)
    host: str = ""
    place: str
    minute: datetime = Field(sa_type=UtcDateTime, index=True)
    incident_id: str | None = Field(default=None, foreign_key="incident.id", index=True)
    silence_id: str | None = Field(default=None, index=True)
    reported_by: str = ""
    told: bool = False
    received_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Silence(SQLModel, table=True):
    """Alerts that fit every one of `matchers` (`{name, op, value}`) make no incident between the two moments."""

    id: str = Field(default_factory=new_id, primary_key=True)
    matchers: list[dict[str, Any]] = Field(sa_type=Json)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime, index=True)
    reason: str
    author: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class UnwellComponent(SQLModel, table=True):
    """A service that was told to be unhealthy, and in which thread; the row goes when it is told to be healthy."""

    __tablename__ = "unwell_component"

    name: str = Field(primary_key=True)
    thread_id: str
    since: datetime = Field(default_factory=now, sa_type=UtcDateTime)
