"""The archive of reports: their figures, from which every format and language is made."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class ReportKind(StrEnum):
    """How long a period a report is about."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Report(SQLModel, table=True):
    """One report; there is one of each period.

    Attributes:
        since: The begin of the period, and `until` its end, which does not belong to it.
        timezone: Where its days begin at midnight.
        figures: All that it says, as `naryad.reports.figures` describes it.
        made_at: When the figures were taken; before `until` they are of a part of the period.
    """

    __table_args__ = (UniqueConstraint("kind", "since", "until"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    kind: ReportKind = Field(sa_type=text_enum(ReportKind))
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    timezone: str
    figures: dict[str, Any] = Field(sa_type=Json)
    made_by: str
    made_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
