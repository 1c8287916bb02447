"""What a report says, as data: every page, mail and answer is made of this alone."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from naryad.db.models.report import ReportKind


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid")


class IncidentFigures(_Figures):
    """The incidents that began in a period; times in seconds, shares from 0 to 1, None where nothing can be said.

    Attributes:
        kept: Those that somebody responded to in time, `breached` those that nobody did; the rest is still running.
    """

    incidents: int = 0
    resolved: int = 0
    kept: int = 0
    breached: int = 0
    mtta_s: float | None = None
    mttr_s: float | None = None
    mtbf_s: float | None = None
    auto_resolved: float | None = None
    by_severity: dict[str, int] = {}
    by_service: dict[str, int] = {}


class TicketFigures(_Figures):
    """What happened to tickets in a period, whenever they were made: as `naryad.tickets.statistics.Happened` has it."""

    created: int = 0
    closed: int = 0
    breached: float | None = None
    first_response_s: float | None = None
    ratings: int = 0
    rating: float | None = None


class Availability(_Figures):
    """How long a service could be used.

    Attributes:
        up: Share of the period.
        outages: How often it went down.
    """

    service: str
    up: float
    down_s: float
    outages: int


class Fault(_Figures):
    """One thing that went wrong again and again: an alert, a call of a tool, a run of an agent."""

    source: str
    name: str
    count: int


class AgentFigures(_Figures):
    """The runs of one agent that ended in a period, but for those in which it was silent while a person answered.

    Attributes:
        succeeded: Those that ended neither cancelled nor handed over to a person.
        without_model: Those that wanted a model and had to do without.
        failures: How often a run broke; most are tried again.
    """

    agent: str
    runs: int
    succeeded: int
    without_model: int
    failures: int
    tokens: int


class Part(_Figures):
    """A part of the period, for the chart: an hour of a day, or a day of a week."""

    begins: datetime
    by_severity: dict[str, int]


class Advice(_Figures):
    """A recommendation: the rule that gave it, and the facts that it rests on."""

    rule: str
    facts: dict[str, Any]


class Figures(_Figures):
    """A whole report.

    Attributes:
        taken_at: When it was looked; before `until` it is about a part of the period.
        incidents_before: The same of the period before, for the trends, as it looked when it was as old.
        waiting: Incidents that began in the period and still wait for an end.
    """

    kind: ReportKind
    since: datetime
    until: datetime
    timezone: str
    taken_at: datetime
    incidents: IncidentFigures
    incidents_before: IncidentFigures
    waiting: int
    tickets: TicketFigures
    tickets_before: TicketFigures
    availability: list[Availability]
    faults: list[Fault]
    agents: list[AgentFigures]
    parts: list[Part]
    advice: list[Advice] = []

    @property
    def first_day(self) -> date:
        """The first day of the period."""
        return self.since.astimezone(ZoneInfo(self.timezone)).date()
