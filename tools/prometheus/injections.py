"""Where strangers' words stand in what Prometheus answers: labels, names of hosts, alerts, errors of targets."""

import json
from typing import Any

from naryad.testing.injections import Carrier, Scene, Sight

_SINCE = "2026-01-01T00:00:00Z"


async def label(scene: Scene, words: str) -> Sight:
    """An exporter makes a label of what came from outside, such as the path of a request."""
    return _series(scene, {"__name__": "up", "job": "web", "path": words})


async def host_name(scene: Scene, words: str) -> Sight:
    """Whoever registers a machine names it."""
    return _series(scene, {"__name__": "up", "instance": words})


async def alert(scene: Scene, words: str) -> Sight:
    """An annotation quotes a label."""
    told = {"labels": {"alertname": "Odd"}, "annotations": {"summary": words}, "state": "firing", "activeAt": _SINCE}
    _answers(scene, "/api/v1/alerts", {"alerts": [told]})
    return Sight("prometheus_alerts")


async def target(scene: Scene, words: str) -> Sight:
    """A target's answer is quoted where it cannot be read."""
    told = {"labels": {"job": "web"}, "scrapePool": "web", "health": "down", "lastError": f"invalid metric: {words}"}
    _answers(scene, "/api/v1/targets", {"activeTargets": [told]})
    return Sight("prometheus_targets")


def _series(scene: Scene, labels: dict[str, str]) -> Sight:
    found = {"resultType": "vector", "result": [{"metric": labels, "value": [1767225600, "1"]}]}
    _answers(scene, "/api/v1/query", found)
    return Sight("prometheus_query", {"query": "up"})


def _answers(scene: Scene, path: str, data: dict[str, Any]) -> None:
    scene.pages[path] = 200, json.dumps({"status": "success", "data": data})


CARRIERS: dict[str, Carrier] = {"label": label, "host-name": host_name, "alert": alert, "target": target}
