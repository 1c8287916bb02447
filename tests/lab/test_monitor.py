"""The monitor speaks as Alertmanager does, and only when something is wrong."""

import pytest

from lab import faults
from lab.monitor import Monitor, fingerprint
from lab.shop import Shop
from naryad.errors import NaryadError


def test_the_fingerprint_is_prometheus_own() -> None:
    """The expected value was recorded from a real Alertmanager for these labels."""
    labels = {
        "alertname": "ServiceDown",
        "instance": "127.0.0.1:19999",
        "job": "deadservice",
        "service": "billing",
        "severity": "critical",
    }
    assert fingerprint(labels) == "6c668a5489aa93b0"


async def test_a_healthy_shop_raises_no_alert(monitor: Monitor) -> None:
    """Waiting for an alert ends with an error instead of an invented one."""
    with pytest.raises(NaryadError, match="No alert in 1 s"):
        await monitor.next_alert(1)


async def test_an_alert_has_the_form_of_alertmanager(shop: Shop, monitor: Monitor) -> None:
    """All fields of one alert of webhook version 4 are there, and the instance is the service's address."""
    await faults.inject("crash", shop)
    alert = await monitor.next_alert(60)
    assert set(alert) == {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
    assert alert["labels"] == {
        "alertname": "ServiceDown",
        "instance": f"127.0.0.1:{shop.layout.ports['web']}",
        "job": "shop",
        "service": "web",
        "severity": "critical",
    }
    assert alert["fingerprint"] == fingerprint(alert["labels"])
    assert (alert["status"], alert["endsAt"]) == ("firing", "0001-01-01T00:00:00Z")
