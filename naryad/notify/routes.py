"""The file that says who is told of what: recipients, routes, quiet hours, chains of escalation."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from naryad import yaml_model
from naryad.auth import Role
from naryad.db.models.incident import Severity
from naryad.settings import Settings

EMAIL, SLACK, PAGERDUTY = "email", "slack", "pagerduty"
Name = Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")]


class Kind(StrEnum):
    """What people are told of."""

    INCIDENT = "incident"
    APPROVAL = "approval"
    SLA = "sla"
    SECURITY = "security"
    HANDOFF = "handoff"


class _Strict(BaseModel):
    # An address is a secret: no error may show what was written.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Recipient(_Strict):
    """A person, or a room of theirs.

    Attributes:
        name: As the routes name it.
        email: The address of their account, or another one.
        role: Routes may name a role instead of everyone who has it.
        language: Of what they are told; the install's where it is left out.
        addresses: Apprise addresses by a name of their own: `sms: twilio://…`. They hold secrets.
        quiet_hours: «22:00-08:00» in the install's time zone: what is not critical waits for their end.
    """

    name: Name
    email: str = Field("", pattern=r"^$|^[^@\s,]+@[^@\s,]+$", max_length=254)
    role: Role | None = None
    language: Literal["ru", "en"] | None = None
    addresses: dict[Name, SecretStr] = {}
    quiet_hours: str = Field("", pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")

    @field_validator("addresses")
    @classmethod
    def _known_to_apprise(cls, addresses: dict[str, SecretStr]) -> dict[str, SecretStr]:
        from naryad.notify.addresses import understood

        for name, address in addresses.items():
            if not understood(address.get_secret_value()):
                raise ValueError(f"the address {name!r} is none that Apprise knows, or lacks a part")
        return addresses

    @property
    def ways(self) -> list[str]:
        """The names of the ways to reach them."""
        return [*([EMAIL] if self.email else []), *self.addresses]

    def quiet_until(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """When the quiet hours end in which the moment falls; None outside them."""
        if not self.quiet_hours:
            return None
        begin, end = map(time.fromisoformat, self.quiet_hours.split("-"))
        here = moment.astimezone(zone)
        for day in (here.date() - timedelta(days=1), here.date()):
            until = datetime.combine(day + timedelta(days=end <= begin), end, zone)
            if datetime.combine(day, begin, zone) <= here < until:
                return until
        return None


class Step(_Strict):
    """Whom to tell next when nobody took it on for so long after the step before."""

    after_minutes: int = Field(ge=1, le=7 * 24 * 60)
    to: list[Name] = Field(min_length=1)


class Route(_Strict):
    """Who is told of what; what is left out of a condition fits everything.

    Attributes:
        kinds: Of what.
        severities: How grave.
        services: Patterns of service names: `shop-*`.
        to: Names of recipients.
        roles: Everyone who has one of these roles: recipients of the file, and accounts by e-mail.
        by: The ways to use, by name; every way that a recipient has where it is left out.
        escalate: Whom to tell next while nobody acknowledges the incident or decides the approval.
    """

    kinds: list[Kind] = []
    severities: list[Severity] = []
    services: list[str] = []
    to: list[Name] = []
    roles: list[Role] = []
    by: list[Name] = []
    escalate: list[Step] = []

    def fits(self, kind: Kind, severity: str, service: str) -> bool:
        """Whether a matter goes this way."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.severities or severity in self.severities)
            and (not self.services or any(fnmatchcase(service, pattern) for pattern in self.services))
        )


class Routes(_Strict):
    """The whole file."""

    recipients: list[Recipient] = []
    routes: list[Route] = []

    @model_validator(mode="after")
    def _names_that_exist(self) -> "Routes":
        """Name the first wrong name with its place."""
        for place, message in self._wrong():
            fault: InitErrorDetails = {"type": PydanticCustomError("name", "{message}", {"message": message})}  # type: ignore[typeddict-item]
            raise ValidationError.from_exception_data("Routes", [{**fault, "loc": place, "input": None}])
        return self

    def _wrong(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        known = {SLACK, PAGERDUTY}
        for number, recipient in enumerate(self.recipients):
            if recipient.name in known:
                yield ("recipients", number, "name"), f"{recipient.name!r} is taken already"
            known.add(recipient.name)
        for number, route in enumerate(self.routes):
            steps = (("escalate", at, "to", where, name) for at, step in enumerate(route.escalate)
                     for where, name in enumerate(step.to))  # fmt: skip
            for *where, name in (*(("to", at, name) for at, name in enumerate(route.to)), *steps):
                if name not in known:
                    yield ("routes", number, *where), f"there is no recipient {name!r}"

    def recipient(self, name: str) -> Recipient | None:
        """One recipient by name."""
        return next((recipient for recipient in self.recipients if recipient.name == name), None)

    def address(self, target: str) -> str | None:
        """The secret address behind «recipient/way», as the database names it."""
        name, _slash, way = target.partition("/")
        found = self.recipient(name)
        address = found.addresses.get(way) if found else None
        return address.get_secret_value() if address else None


_EVERYTHING_GRAVE = {
    "severities": [Severity.CRITICAL, Severity.HIGH],
    "to": [SLACK],
    "roles": [Role.OPERATOR, Role.ADMIN],
}
_DEFAULT: list[dict[str, Any]] = [_EVERYTHING_GRAVE, {"severities": [Severity.CRITICAL], "to": [PAGERDUTY]}]
"""Without a file: what is grave goes to Slack and to operators by mail, what is critical to PagerDuty."""


def load(settings: Settings) -> Routes:
    """Read the named file, else the one in NARYAD_HOME; then add the rooms that the environment names.

    Raises:
        ConfigError: The file is wrong; says in which line and field, and never shows an address.
    """
    own = settings.home / "notify.yaml"
    path = settings.notify or (own if own.exists() else None)
    read = yaml_model.load(path, Routes) if path else Routes.model_validate({"routes": _DEFAULT})
    return read.model_copy(update={"recipients": [*read.recipients, *_rooms(settings)]})


def _rooms(settings: Settings) -> Iterator[Recipient]:
    if settings.enable_slack and settings.slack_webhook_url:
        yield Recipient.model_construct(name=SLACK, addresses={SLACK: settings.slack_webhook_url})
    if settings.enable_pagerduty and settings.pagerduty_routing_key:
        key = settings.pagerduty_routing_key.get_secret_value()
        yield Recipient.model_construct(name=PAGERDUTY, addresses={PAGERDUTY: SecretStr(f"pagerduty://{key}@naryad")})
