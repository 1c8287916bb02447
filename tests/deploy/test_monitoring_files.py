"""The files for Prometheus, Alertmanager and Grafana are taken by the programs they are for."""

import subprocess
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from knowledge_base import runbooks
from naryad.alerts.start import OURSELVES
from naryad.db.models.incident import Severity
from tests.deploy.monitoring import DASHBOARDS, FOLDER, RECORDED, RULES, dashboard, expressions, queries, rules
from tests.needs import needs

ALERTS = [pytest.param(path.stem, rule, id=rule["alert"]) for path in RULES for rule in rules(path) if "alert" in rule]


def run(*command: str | Path) -> None:
    """Run a checker; what it says is the failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_rules() -> None:
    """Prometheus takes them."""
    run(needs("promtool"), "check", "rules", *RULES)


@pytest.mark.parametrize("path", sorted((FOLDER / "rule_tests").glob("*.yml")), ids=lambda path: path.stem)
def test_the_rules_fire_when_they_should(path: Path) -> None:
    """And not when they should not: by their own tests."""
    run(needs("promtool"), "test", "rules", path)


def test_every_alert_is_tested() -> None:
    """An alert that no test fires is not known to fire."""
    tests = [yaml.safe_load(path.read_text()) for path in (FOLDER / "rule_tests").glob("*.yml")]
    cases = [case for told in tests for test in told["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == {str(one.id) for one in ALERTS}


def test_the_configurations_are_taken() -> None:
    """By Prometheus and by Alertmanager."""
    run(needs("promtool"), "check", "config", "--syntax-only", FOLDER / "prometheus.yml")
    run(needs("amtool"), "check-config", FOLDER / "alertmanager.yml")


@pytest.mark.parametrize(("alert", "told"), [("NaryadDown", "people,naryad"), ("ServiceDown", "naryad")])
def test_that_naryad_is_down_goes_to_people_and_to_naryad(alert: str, told: str) -> None:
    """Everything else goes to Naryad alone."""
    routes = ("config", "routes", "test", f"--config.file={FOLDER / 'alertmanager.yml'}", f"--verify.receivers={told}")
    run(needs("amtool"), *routes, f"alertname={alert}")


@pytest.mark.parametrize(("file", "rule"), ALERTS)
def test_an_alert_says_what_is_wrong_and_how_grave(file: str, rule: Mapping[str, Any]) -> None:
    """In our own words for severity; those about ourselves are marked, so that no agent is set on them."""
    assert rule["labels"]["severity"] in [*Severity]
    assert rule["annotations"]["summary"]
    assert (rule["labels"].get("service") == OURSELVES) is (file == "naryad")


def test_the_companys_alerts_are_those_that_runbooks_know() -> None:
    """Otherwise the agent would have nothing but a model to go by."""
    named = {str(rule["alert"]) for rule in rules(FOLDER / "rules" / "company.yml")}
    known = [book for book in runbooks.load([runbooks.SHIPPED]) if any(book.fits({"alertname": n}) for n in named)]
    assert {"disk-full", "memory-leak", "service-stopped", "dependency-down"} <= {book.id for book in known}


def test_every_expression_parses(tmp_path: Path) -> None:
    """Also those of the panels, with Grafana's variables filled in."""
    asked = [query for path in DASHBOARDS for query in queries(path)]
    made = [{"record": f"q:{number}", "expr": expr} for number, expr in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    run(needs("promtool"), "check", "rules", file)


def test_what_is_asked_of_a_rule_is_recorded() -> None:
    """And what is recorded is asked for."""
    recorded = {rule["record"] for path in RULES for rule in rules(path) if "record" in rule}
    assert {name for expr in expressions() for name in RECORDED.findall(expr)} == recorded


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_laid_out(path: Path) -> None:
    """Ids and queries' names are unique, no panel lies on another or beyond the grid, all ask the chosen source."""
    found = dashboard(path)
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
    for panel in panels:
        if panel["type"] != "row":
            names = [target["refId"] for target in panel["targets"]]
            assert names
            assert len({*names}) == len(names)
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_dashboards_do_not_replace_each_other() -> None:
    """Grafana knows them by uid and title."""
    found = [dashboard(path) for path in DASHBOARDS]
    assert len({one["uid"] for one in found}) == len({one["title"] for one in found}) == len(found) == 3
