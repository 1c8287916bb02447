"""What lies in deploy/monitoring, and the expressions in it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
DASHBOARDS = sorted((FOLDER / "grafana").glob("*.json"))
OURS = re.compile(r"\b(?:naryad|process)_[a-z0-9_]+")
RECORDED = re.compile(r"\bnaryad:[a-z0-9_:]+")


def rules(path: Path) -> list[dict[str, Any]]:
    """The rules of a file."""
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def dashboard(path: Path) -> dict[str, Any]:
    """A dashboard."""
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def queries(path: Path) -> Iterator[str]:
    """What the panels, the variables and the annotations of a dashboard ask, as Prometheus gets it."""
    found = dashboard(path)
    asked = [target["expr"] for panel in found["panels"] for target in panel.get("targets", [])]
    asked += [one["expr"] for one in found["annotations"]["list"]]
    for one in found["templating"]["list"]:
        if one["type"] == "query":
            wanted = re.fullmatch(r"label_values\((.+), \w+\)", one["definition"])
            assert wanted, one
            asked.append(wanted[1])
    for expr in asked:
        yield re.sub(r"\$(agent|version)\b", ".*", expr.replace("$__rate_interval", "5m"))


def expressions() -> list[str]:
    """Every expression of the rules and the dashboards."""
    return [rule["expr"] for path in RULES for rule in rules(path)] + [q for path in DASHBOARDS for q in queries(path)]
