"""Incidents and silences as the API speaks of them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from naryad.alerts.matchers import Operator
from naryad.alerts.response import Clock, clock
from naryad.db.models.alert import Alert, Silence
from naryad.db.models.incident import Incident, IncidentStatus, Severity

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


class Request(BaseModel):
    """What is sent to us: nothing but what is asked for."""

    model_config = ConfigDict(extra="forbid")


class NewIncident(Request):
    """What a person noticed; the Ops agent looks into it, unless told not to."""

    title: Line
    description: Annotated[str, Field(max_length=4_000)] = ""
    service: Annotated[str, Field(max_length=100)] = ""
    severity: Severity = Severity.MEDIUM
    investigate: bool = True


class Assignment(Request):
    """Whose it is from here: an account's id."""

    assignee: Annotated[str, Field(min_length=1, max_length=100)]


class Resolution(Request):
    """Why it is over."""

    reason: Annotated[Words, Field(max_length=1_000)]


class Comment(Request):
    """A person's words for the timeline."""

    text: Words


class Response(BaseModel):
    """The clock of the response: met, breached, or still running."""

    state: Clock
    respond_by: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str


class IncidentLine(BaseModel):
    """An incident in a list."""

    id: str
    thread_id: str
    title: str
    service: str
    severity: str
    status: IncidentStatus
    assignee: str
    alerts: int
    storm: bool
    flapping: bool
    started_at: datetime
    finished_at: datetime | None
    sla: Response

    @classmethod
    def of(cls, incident: Incident, moment: datetime, **more: Any) -> Self:
        """An incident as it stands at a moment."""
        sla = Response(
            state=clock(incident, moment),
            respond_by=incident.respond_by,
            acknowledged_at=incident.acknowledged_at,
            acknowledged_by=incident.acknowledged_by,
        )
        flapping = incident.flapping_until is not None and incident.flapping_until > moment
        return cls.model_validate({**incident.model_dump(), **more, "sla": sla, "flapping": flapping})


class IncidentPage(BaseModel):
    """A page of a list; `next` is the cursor of the page behind it."""

    incidents: list[IncidentLine]
    next: str | None


class AlertShown(BaseModel):
    """An episode of an alert."""

    id: str
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    severity: str
    starts_at: datetime
    ended_at: datetime | None
    firing: bool
    source_url: str

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """One episode."""
        return cls(**alert.model_dump(include=set(cls.model_fields)), firing=alert.fired and not alert.over)


class IncidentShown(IncidentLine):
    """All that is known of an incident; of its alerts the first ones."""

    description: str
    cause: str
    evidence: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    postmortem: dict[str, str]
    resolved_by: str
    resolution: str
    merged_into: str | None
    first_alerts: list[AlertShown]


class Matcher(Request):
    """Fits a label by `=`, `!=`, `=~` or `!~`; a pattern must meet the whole value."""

    name: LabelName
    op: Operator = "="
    value: Annotated[str, Field(max_length=500)]


class NewSilence(Request):
    """Alerts that fit every matcher make no incident between the two moments; without `starts_at` from now on."""

    matchers: Annotated[list[Matcher], Field(min_length=1, max_length=20)]
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime
    reason: Annotated[Words, Field(max_length=1_000)]


class SilenceShown(BaseModel):
    """A silence."""

    id: str
    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    reason: str
    author: str
    created_at: datetime
    state: Literal["planned", "holding", "over"]

    @classmethod
    def of(cls, silence: Silence, moment: datetime) -> "SilenceShown":
        """A silence as it stands at a moment."""
        state = "over" if silence.ends_at <= moment else "holding" if silence.starts_at <= moment else "planned"
        return cls.model_validate({**silence.model_dump(), "state": state})


class SilencePage(BaseModel):
    """A page of silences; `next` is the cursor of the page behind it."""

    silences: list[SilenceShown]
    next: str | None


class StatisticsShown(BaseModel):
    """Figures of the incidents that began in a period; times in seconds, null where nothing can be said."""

    since: datetime
    until: datetime
    incidents: int
    resolved: int
    breached: int
    mtta_s: float | None
    mttr_s: float | None
    mtbf_s: float | None
    auto_resolved: float | None
    by_severity: dict[str, int]
    by_service: dict[str, int]
