"""The policy: which call is allowed, asked about or denied. Default-deny; the first rule that fits decides."""

import fnmatch
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from naryad import canonical, yaml_model
from naryad.auth import Role
from naryad.tooling import Risk

DEFAULT = Path(__file__).with_name("policy.yaml")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+)\s*([smhd])", value)):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    raise ValueError("expected a number and s, m, h or d, such as 30m")


def _hours(value: Any) -> Any:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", value)):
        start, end = time.fromisoformat(found[1]), time.fromisoformat(found[2])
        if start != end:
            return start, end
    raise ValueError("expected hours such as 09:00-18:00, or over midnight 22:00-06:00")


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
    """Who decides and by when; `four_eyes` bars the person on whose behalf the agent acts.

    Where that is an address or a number, anybody could have asked: then two must decide.

    With `second_factor` only those decide whose device showed a second factor a short while ago: for emergencies.
    """

    roles: list[Role] = Field(default=[Role.OPERATOR, Role.ADMIN], min_length=1)
    quorum: int = Field(1, ge=1)
    expires: Duration = timedelta(minutes=30)
    four_eyes: bool = False
    second_factor: bool = False


class Rule(_Part):
    """One rule; every condition that is given must hold. Names may use `*`; `args` are regular expressions.

    Attributes:
        untrusted: Whether a value comes from text that anybody may have written (see `naryad.gate.provenance`).
        asked: Whether the person's own words ask for what the tool does, as far as the tool says how one asks.
    """

    name: str = Field(min_length=1)
    action: Action
    agents: list[str] = ["*"]
    tools: list[str] = ["*"]
    principals: list[str] = ["*"]
    risk: list[Risk] = list(Risk)
    args: dict[str, str] = {}
    untrusted: bool | None = None
    asked: bool | None = None
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
        return (
            request.risk in self.risk
            and _any(self.agents, request.agent)
            and _any(self.tools, request.tool)
            and _any(self.principals, request.principal)
            and all(_argument_fits(request.args, path, pattern, self.action) for path, pattern in self.args.items())
            and self.untrusted in (None, request.untrusted)
            and self.asked in (None, request.asked)
            and (self.until is None or moment < self.until)
            and self._in_time(moment.astimezone(zone))
        )

    def _in_time(self, local: datetime) -> bool:
        """Whether the hours are open; those over midnight belong to the day on which they began."""
        if self.hours:
            start, end = self.hours
            if start > end and local.time() < end:
                local -= timedelta(days=1)
            elif not (start <= local.time() and (start > end or local.time() < end)):
                return False
        return self.days is None or _DAYS[local.weekday()] in self.days


class Facts(_Part):
    """What the policy looks at: facts known by code, nothing that a model says of itself."""

    agent: str
    principal: str
    tool: str
    risk: Risk
    args: Mapping[str, Any]
    untrusted: bool = False
    asked: bool = True


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


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rule and the version of the policy that holds it: the file's own number and a digest of its text.

    Attributes:
        sources: For the arguments that the rule was found by, the untrusted text that their values come from.
    """

    rule: Rule
    version: str
    sources: Mapping[str, str] = field(default_factory=dict)


class PolicyFile:
    """The policy as the file says now: an edit is seen at the next call, a broken one denies by its error."""

    def __init__(self, path: Path, zone: tzinfo) -> None:
        self.path, self._zone = path, zone
        self._text: str | None = None
        self._load()

    @property
    def version(self) -> str:
        """The version that is in force now."""
        self._load()
        return self._version

    def fitting(self, request: Facts, moment: datetime) -> Iterator[Ruling]:
        """The rules that speak of this call, in order; a rule whose rate is spent gives way to the next."""
        self._load()
        version, rules = self._version, self._policy.rules
        return (Ruling(rule, version) for rule in rules if rule.fits(request, moment, self._zone))

    def _load(self) -> None:
        """Read it anew each time: it is small, and a stamp of its time can miss an edit."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            yaml_model.load(self.path, Policy)  # says what is wrong with the file
            raise
        if text != self._text:
            self._policy = yaml_model.parse(text, Policy, source=self.path)
            self._version = f"{self._policy.version}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"
            self._text = text


def _any(patterns: list[str], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _argument_fits(args: Mapping[str, Any], path: str, pattern: str, action: Action) -> bool:
    value: Any = args
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    text = value if isinstance(value, str) else canonical.encode(value)
    # `.` also means a line's end where the rule forbids: a line break must not slip past it, nor widen what is allowed.
    return re.fullmatch(pattern, text, re.NOFLAG if action is Action.ALLOW else re.DOTALL) is not None
