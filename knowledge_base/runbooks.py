"""Runbooks: what a known fault looks like, how it is cured, and how one knows that it is."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal

import jmespath
import yaml
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from knowledge_base.services import Service
from naryad import yaml_model
from naryad.errors import ConfigError

_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`", re.DOTALL)
SHIPPED = Path(__file__).with_name("runbooks")


class _Dotted(Template):
    idpattern = r"(?a:service|symptom)\.[a-z_]+"


def _placeholders(text: str) -> str:
    known = {f"{who}.{name}" for who in ("service", "symptom") for name in Service.model_fields}
    found = set(re.findall(r"\$\{([^}]*)\}", text))
    if unknown := found - known:
        raise ValueError(f"unknown placeholder ${{{min(unknown)}}}; it must be a field of the service catalogue")
    return text


def _expression(text: str) -> str:
    try:
        jmespath.compile(re.sub(r"\$\{[^}]*\}", "0", _placeholders(text)))
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {error}") from error
    return text


def _playbook(text: str) -> str:
    try:
        plays = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"the playbook is not valid YAML: {error}") from error
    if not isinstance(plays, list) or not all(isinstance(play, dict) and "hosts" in play for play in plays):
        raise ValueError("a playbook is a list of plays, each with `hosts`")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Filled = Annotated[str, AfterValidator(_placeholders)]
Playbook = Annotated[str, AfterValidator(_playbook)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(_Part):
    """One text in both languages."""

    ru: Filled
    en: Filled

    def fill(self, places: "Places") -> dict[str, str]:
        """Both texts with their placeholders filled."""
        return {"ru": places.fill(self.ru), "en": places.fill(self.en)}


class Step(_Part):
    """One tool call without effect; `expect` (JMESPath over its result) must be true where it is given."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    tool: str
    args: dict[str, Filled | int | float | bool] = {}
    expect: Annotated[str, AfterValidator(_expression)] | None = None

    def holds(self, data: Any) -> bool:
        """Whether the result is as expected; anything but a plain true is a no."""
        if self.expect is None:
            return True
        try:
            return jmespath.search(self.expect, data) is True
        except JMESPathError:
            return False


class Remedy(_Part):
    """An Ansible playbook and the variables it gets from the catalogue."""

    title: Bilingual
    playbook: Playbook
    variables: dict[str, Filled] = {}
    rollback: Playbook | Literal[""] = ""


class Runbook(_Part):
    """One known fault.

    Attributes:
        alerts: Label matchers (regular expressions); one of them must fit the alert.
        scope: Whose fault it is: the alerting service's own, or one of those it depends on.
        diagnose: All expectations must hold for the cause to be stated; it rests on these calls.
        verify: All must hold, again and again until `verify_timeout_s`, for the repair to count.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    alerts: list[dict[str, Pattern]] = Field(min_length=1)
    scope: Literal["service", "dependencies"] = "service"
    diagnose: list[Step] = Field(min_length=1)
    cause: Bilingual
    remedy: Remedy
    verify: list[Step] = Field(min_length=1)
    verify_timeout_s: float = Field(30, gt=0, le=900)

    @model_validator(mode="after")
    def _decides_something(self) -> "Runbook":
        if not any(step.expect for step in self.diagnose):
            raise ValueError("no diagnostic step has `expect`: the runbook would fit every alert")
        if any(step.expect is None for step in self.verify):
            raise ValueError("every verification step needs `expect`")
        return self

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether the alert's labels fit; a plain request without an alert's name fits every runbook."""
        if "alertname" not in labels:
            return True
        return any(
            all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in matcher.items())
            for matcher in self.alerts
        )

    @cached_property
    def weight(self) -> int:
        """How much the runbook wants to see: the most demanding one that holds is believed."""
        return sum(step.expect is not None for step in self.diagnose)


class Places:
    """What the placeholders of a runbook stand for: the service at fault and the one that shows it."""

    def __init__(self, service: Service, symptom: Service) -> None:
        self.service, self.symptom = service, symptom
        parts = (("service", service), ("symptom", symptom))
        self._values = {f"{who}.{k}": v for who, part in parts for k, v in part.model_dump(mode="json").items()}

    def known(self, texts: Iterable[Any]) -> bool:
        """Whether every placeholder in the texts has a value in the catalogue."""
        named = {name for text in texts if isinstance(text, str) for name in re.findall(r"\$\{([^}]*)\}", text)}
        return all(self._values.get(name) not in (None, "") for name in named)

    def fill(self, text: str) -> str:
        """Put the catalogue's values in place of the placeholders."""
        return _Dotted(text).safe_substitute(self._values)

    def args(self, step: Step) -> dict[str, Any]:
        """A step's arguments; one that is nothing but a placeholder keeps its value's type."""
        return {name: self._typed(value) for name, value in step.args.items()}

    def _typed(self, value: Any) -> Any:
        if isinstance(value, str) and (whole := re.fullmatch(r"\$\{([^}]*)\}", value)):
            return self._values[whole[1]]
        return self.fill(value) if isinstance(value, str) else value

    def condition(self, step: Step) -> Step:
        """The step with the placeholders of its expectation filled, whatever quotes a value holds."""
        return step.model_copy(update={"expect": _LITERAL.sub(self._literal, step.expect)}) if step.expect else step

    def _literal(self, found: re.Match[str]) -> str:
        """A literal of JMESPath, spelled as JSON where a value goes into it."""
        text, inside = found[0], found[0][1:-1]
        if "${" not in text:
            return text
        if text[0] == "'":
            spelled = json.dumps(self.fill(inside.replace("\\'", "'")), ensure_ascii=False)
        elif whole := re.fullmatch(r"\$\{([^}]*)\}", inside):
            spelled = json.dumps(self._values[whole[1]], ensure_ascii=False)
        else:
            escaped = {name: json.dumps(str(value), ensure_ascii=False)[1:-1] for name, value in self._values.items()}
            spelled = _Dotted(inside).safe_substitute(escaped)
        return "`" + spelled.replace("`", "\\`") + "`"


def load(folders: Sequence[Path]) -> list[Runbook]:
    """Read every `*.yaml`, in the order of names; a runbook in a later folder replaces its namesake.

    Raises:
        ConfigError: A file does not fit; names file, line and field.
    """
    found: dict[str, Runbook] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            runbook = yaml_model.load(path, Runbook)
            if runbook.id != path.stem:
                raise ConfigError(f"must be {path.stem!r}, the file's name", source=path, line=1, field="id")
            found[runbook.id] = runbook
    return list(found.values())
