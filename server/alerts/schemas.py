"""Alerts as monitors send them."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from naryad.alerts.told import Told, told
from naryad.i18n import _
from server.incidents.schemas import AlertShown

MOST = 500
"""Alerts of one request of our own schema. Of Alertmanager's deliveries only the size is bounded: it splits none."""
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _sane(moment: datetime) -> datetime:
    if moment > _LATEST:
        raise ValueError(_("this is too far in the future"))
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_sane)]
Labels = dict[str, str]


class AlertmanagerAlert(BaseModel):
    """One alert of Alertmanager's webhook."""

    model_config = ConfigDict(extra="allow")

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = {}
    starts_at: Moment = Field(alias="startsAt")
    ends_at: Moment | None = Field(None, alias="endsAt")
    generator_url: str = Field("", alias="generatorURL")
    fingerprint: str = ""

    def told(self, moment: datetime) -> Told:
        """As the kernel takes it, at the moment of receipt."""
        return told(
            self.labels,
            moment=moment,
            annotations=self.annotations,
            fingerprint=self.fingerprint,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            resolved=self.status == "resolved",
            source_url=self.generator_url,
        )


class AlertmanagerWebhook(BaseModel):
    """A delivery of Alertmanager, version 4; what else a newer one writes is let pass."""

    model_config = ConfigDict(extra="allow")

    version: Literal["4"]
    alerts: list[AlertmanagerAlert]


class NewAlert(BaseModel):
    """An alert of any other monitor.

    Its identity is its labels, unless `fingerprint` says otherwise. Without `starts_at` it is the episode that goes on,
    or one that begins now.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["firing", "resolved"] = "firing"
    labels: Labels = Field(min_length=1, max_length=200, examples=[{"alertname": "DiskFull", "service": "db"}])
    annotations: Labels = Field({}, max_length=200)
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    fingerprint: str = Field("", max_length=100)
    url: str = Field("", max_length=2_000)

    def told(self, moment: datetime) -> Told:
        """As the kernel takes it, at the moment of receipt."""
        return told(
            self.labels,
            moment=moment,
            annotations=self.annotations,
            fingerprint=self.fingerprint,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            resolved=self.status == "resolved",
            source_url=self.url,
        )


NewAlerts = NewAlert | Annotated[list[NewAlert], Field(min_length=1, max_length=MOST)]


class AlertLine(AlertShown):
    """An episode in a list, with where it belongs.

    Attributes:
        incident_id: The incident that holds it; null where a silence covers it, or where it never was told as firing.
        reported_by: The person who told it first, themselves or by a key; empty for Alertmanager.
    """

    service: str
    incident_id: str | None
    silence_id: str | None
    reported_by: str
    received_at: datetime


class AlertPage(BaseModel):
    """A page of alerts; `next` is the cursor of the page behind it."""

    alerts: list[AlertLine]
    next: str | None


class Receipt(BaseModel):
    """What was kept: `changed` of `accepted` told something new."""

    accepted: int
    changed: int
