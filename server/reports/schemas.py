"""What the endpoints of reports take and answer."""

from datetime import date, datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from naryad.db.models.report import Report, ReportKind
from naryad.reports.archive import figures_of
from naryad.reports.figures import Figures


class FileFormat(StrEnum):
    """How a report is downloaded."""

    HTML = "html"
    PDF = "pdf"
    TEXT = "text"


class Language(StrEnum):
    """In which language."""

    RU = "ru"
    EN = "en"


class ReportLine(BaseModel):
    """One report; `since` belongs to its period, `until` does not; it is whole when it was made after that."""

    id: str
    kind: ReportKind
    since: datetime
    until: datetime
    timezone: str
    made_by: str
    made_at: datetime
    whole: bool

    @classmethod
    def of(cls, row: Report) -> Self:
        """As it is listed."""
        return cls(**row.model_dump(exclude={"figures"}), whole=row.made_at >= row.until)


class Reports(BaseModel):
    """Reports, the newest first."""

    reports: list[ReportLine]


class ReportShown(ReportLine):
    """One report with all it says."""

    figures: Figures

    @classmethod
    def of(cls, row: Report) -> Self:
        """As it is shown."""
        return cls(**row.model_dump(exclude={"figures"}), whole=row.made_at >= row.until, figures=figures_of(row))


class NewReport(BaseModel):
    """Which report to make: of the period that `day` belongs to; by default of the last one that is over."""

    model_config = ConfigDict(extra="forbid")

    kind: ReportKind
    day: date | None = Field(None, ge=date(2000, 1, 1), lt=date(2100, 1, 1))
