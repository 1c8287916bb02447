"""The policy: which call is allowed, asked about or denied. Default-deny; the first rule that fits decides."""

import fnmatch
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from naryad import canonical, yaml_model
from naryad.auth import Role
from naryad.tooling import Risk

DEFAULT = Path(__file__).with_name("policy.yaml")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+)\s*([smhd])", value)):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    raise ValueError("expected a number and s, m, h or d, such as 30m")


def _hours(value: Any) -> Any:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", value)):
        return time.fromisoformat(found[1]), time.fromisoformat(found[2])
    raise ValueError("expected hours such as 09:00-18:00")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Hours = Annotated[tuple[time, time], BeforeValidator(_hours)]


class Action(StrEnum):
    """What a rule says."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(_Part):
    """At most `count` calls under the rule in any window of `per`."""

    count: int = Field(ge=1)
    per: Duration


class Ask(_Part):
    """Who decides and by when; `four_eyes` bars the person on whose behalf the agent acts."""

    roles: list[Role] = Field(default=[Role.OPERATOR, Role.ADMIN], min_length=1)
    quorum: int = Field(1, ge=1)
    expires: Duration = timedelta(minutes=30)
    four_eyes: bool = False


class Rule(_Part):
    """One rule; every condition that is given must hold. Names may use `*`; `args` are regular expressions."""

    name: str = Field(min_length=1)
    action: Action
    agents: list[str] = ["*"]
    tools: list[str] = ["*"]
    principals: list[str] = ["*"]
    risk: list[Risk] = list(Risk)
    args: dict[str, str] = {}
    hours: Hours | None = None
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = None
    rate: Rate | None = None
    until: AwareDatetime | None = None
    granted_by: str = ""
    ask: Ask = Ask()

    @model_validator(mode="after")
    def _narrow_enough(self) -> "Rule":
        for pattern in self.args.values():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        if self.action is Action.ALLOW and Risk.DESTRUCTIVE in self.risk:
            needed = {"granted_by": self.granted_by, "args": self.args, "rate": self.rate, "until": self.until}
            if missing := [name for name, value in needed.items() if not value]:
                raise ValueError(
                    f"a standing approval of destructive calls must have {', '.join(missing)} (or narrow `risk`)"
                )
        return self

    def fits(self, request: "Facts", moment: datetime, zone: tzinfo) -> bool:
        """Whether the rule speaks of this call now; the rate is counted by the gate."""
        local = moment.astimezone(zone)
        return (
            request.risk in self.risk
            and _any(self.agents, request.agent)
            and _any(self.tools, request.tool)
            and _any(self.principals, request.principal)
            and all(_argument_fits(request.args, path, pattern) for path, pattern in self.args.items())
            and (self.until is None or moment < self.until)
            and (self.days is None or local.strftime("%a").lower() in self.days)
            and (self.hours is None or _within(self.hours, local.time()))
        )


class Facts(_Part):
    """What the policy looks at: facts known by code, nothing that a model says of itself."""

    agent: str
    principal: str
    tool: str
    risk: Risk
    args: Mapping[str, Any]


class Policy(_Part):
    """A versioned list of rules."""

    version: int = Field(ge=1)
    rules: list[Rule]

    @model_validator(mode="after")
    def _names_differ(self) -> "Policy":
        names = [rule.name for rule in self.rules]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two rules are named {twice!r}; the audit could not tell them apart")
        return self


class PolicyFile:
    """The policy as the file says now: an edit is seen at the next call, a broken one denies by its error."""

    def __init__(self, path: Path, zone: tzinfo) -> None:
        self.path, self._zone = path, zone
        self._stamp: tuple[int, int] | None = None
        self._load()

    @property
    def version(self) -> str:
        """The file's own number and a digest of its text."""
        self._load()
        return self._version

    def fitting(self, request: Facts, moment: datetime) -> Iterator[Rule]:
        """The rules that speak of this call, in order; a rule whose rate is spent gives way to the next."""
        self._load()
        return (rule for rule in self._policy.rules if rule.fits(request, moment, self._zone))

    def _load(self) -> None:
        stat = self.path.stat() if self.path.exists() else None
        stamp = (stat.st_mtime_ns, stat.st_size) if stat else None
        if stamp is None or stamp != self._stamp:
            self._policy = yaml_model.load(self.path, Policy)
            digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
            self._version = f"{self._policy.version}:{digest[:12]}"
            self._stamp = stamp


def _any(patterns: list[str], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _argument_fits(args: Mapping[str, Any], path: str, pattern: str) -> bool:
    value: Any = args
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    text = value if isinstance(value, str) else canonical.encode(value)
    return re.fullmatch(pattern, text) is not None


def _within(hours: tuple[time, time], moment: time) -> bool:
    start, end = hours
    return start <= moment < end if start <= end else moment >= start or moment < end
