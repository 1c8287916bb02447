"""Runbooks: the shipped ones are sound, and a malformed one is refused where it is wrong."""

from pathlib import Path

import pytest

from knowledge_base import runbooks
from knowledge_base.runbooks import Places, Step
from knowledge_base.services import Service
from naryad.errors import ConfigError

WEB = Service(name="web", unit="web", process="lab.web", port=80, health_url="http://x/health", memory_limit_mb=120)
GOOD = """\
id: sample
alerts:
  - {alertname: "Down"}
diagnose:
  - {id: health, tool: probe_http, args: {url: "${service.health_url}"}, expect: "ok == `false`"}
cause: {ru: "нет", en: "no"}
remedy:
  title: {ru: "а", en: "b"}
  playbook: "[{hosts: all}]"
verify:
  - {id: health, tool: probe_http, args: {}, expect: "ok == `true`"}
"""


def write(folder: Path, text: str, name: str = "sample") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_shipped_runbooks_are_sound() -> None:
    """Six known faults, each with a cure and a proof."""
    known = {runbook.id for runbook in runbooks.load([runbooks.SHIPPED])}
    assert known == {"service-stopped", "bad-config", "disk-full", "hung", "dependency-down", "memory-leak"}


def test_a_later_folder_replaces_a_runbook(tmp_path: Path) -> None:
    """A company's own runbook takes the place of the shipped one with its id."""
    own = write(tmp_path / "own", GOOD.replace("id: sample", "id: hung"), "hung")
    found = {runbook.id: runbook for runbook in runbooks.load([runbooks.SHIPPED, own])}
    assert (len(found), found["hung"].cause.en) == (6, "no")


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("id: sample", "id: other", 1, "id"),
        ("ok == `false`", "ok == ", 5, "diagnose.0.expect"),
        ("${service.health_url}", "${service.url}", 5, "diagnose.0.args.url"),
        ('"[{hosts: all}]"', '"{hosts: all}"', 9, "remedy.playbook"),
        ('"[{hosts: all}]"', '"[{hosts"', 9, "remedy.playbook"),
        ("cause:", "causes:", 1, "cause"),
        ('alerts:\n  - {alertname: "Down"}', "alerts: []", 2, "alerts"),
        ('"Down"', '"Down("', 3, "alerts.0.alertname"),
        (', expect: "ok == `false`"', "", 1, ""),
    ],
)
def test_a_malformed_runbook_is_named_with_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, field: str
) -> None:
    """The error says which file, which line, which field."""
    folder = write(tmp_path / "own", GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        runbooks.load([folder])
    assert (caught.value.source, caught.value.line) == (str(folder / "sample.yaml"), line)
    assert caught.value.field.startswith(field)


def test_a_placeholder_alone_keeps_its_type_and_others_become_text() -> None:
    """A port stays a number where it is the whole argument."""
    places = Places(WEB, WEB)
    step = Step(id="a", tool="t", args={"port": "${service.port}", "text": "port ${service.port} of ${symptom.name}"})
    assert places.args(step) == {"port": 80, "text": "port 80 of web"}


def test_a_runbook_is_not_put_to_a_service_whose_facts_are_unknown() -> None:
    """Without a data directory in the catalogue the disk runbook has nothing to look at."""
    assert not Places(WEB, WEB).known(["${service.data_dir}"])
    assert Places(WEB, WEB).known(["${service.health_url}", 3])


@pytest.mark.parametrize(
    ("expect", "data", "holds"),
    [
        ("ok == `false`", {"ok": False}, True),
        ("ok == `false`", {"ok": True}, False),
        ("ok == `false`", None, False),
        ("count", {"count": 3}, False),
        ("max(list[].n) > `1`", {"list": []}, False),
        ("max(list) > `1`", {"list": "text"}, False),
    ],
)
def test_only_a_plain_true_holds(expect: str, data: object, holds: bool) -> None:
    """Missing data, another type or a truthy number is no proof."""
    assert Step(id="a", tool="t", expect=expect).holds(data) is holds


@pytest.mark.parametrize(
    "process", ["it's", 'say "x"', "a `b` c", "back\\slash\\", "\\`", "путь с пробелом", "${service.unit}", "%s {x}"]
)
@pytest.mark.parametrize(
    "expect",
    [
        "contains(line, '${service.process}')",
        "contains(line, `${service.process}`)",
        """contains(line, `"<${service.process}>"`)""",
        "contains(line, '<${service.process}>') && 'it\\'s' == `\"it's\"`",
    ],
)
def test_any_value_of_the_catalogue_fits_into_a_condition(process: str, expect: str) -> None:
    """Quotes, backslashes and Cyrillic letters of a path are part of the value, not of the expression."""
    service = Service(name="web", unit="web", process=process)
    step = Places(service, service).condition(Step(id="a", tool="t", expect=expect))
    assert step.holds({"line": f"before <{process}> after"})
    assert not step.holds({"line": "before <other> after"})
