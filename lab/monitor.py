"""The shop's monitoring: probes it steadily and speaks as Alertmanager does."""

import asyncio
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from lab import probes
from lab.probes import SERVICES, Finding
from lab.shop import Shop
from naryad.clock import now
from naryad.errors import NaryadError

INTERVAL_S = 0.3
CONSECUTIVE = 2
"""Failures in a row that make an alert."""
SEVERITY = {"MemoryHigh": "warning", "ServiceDegraded": "warning"}
NAMED_CAUSES = ("DiskFull", "MemoryHigh")
"""Alerts that name a cause by themselves: they inhibit the symptoms around them."""


class Monitor:
    """Watches one shop from outside."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def next_alert(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the next alert, in the form of one alert of Alertmanager's webhook, version 4.

        Of all that is wrong one alert is chosen, as an inhibition rule would: a cause that names itself,
        else the outermost service's symptom. One more round is awaited before the choice, since a
        fault reaches the services around it a moment later.

        Raises:
            NaryadError: Nothing was wrong for `timeout_s` seconds.
        """
        started, failures = time.monotonic(), Counter[tuple[str, str]]()
        settled = False
        async with probes.client() as http:
            while True:
                findings = {(f.service, f.alertname): f for f in await probes.look(self.shop, http)}
                failures = Counter({key: failures[key] + 1 for key in findings})
                confirmed = [findings[key] for key, count in failures.items() if count >= CONSECUTIVE]
                if confirmed and settled:
                    return self._alert(min(confirmed, key=_rank))
                settled = bool(confirmed)
                if time.monotonic() - started > timeout_s and not confirmed:
                    raise NaryadError(f"No alert in {timeout_s:g} s.")
                await asyncio.sleep(INTERVAL_S)

    async def healthy(self, timeout_s: float = 15.0) -> bool:
        """Whether the shop works end to end: nothing is wrong, and an order is stored and processed.

        A service that was just repaired is given until `timeout_s` to answer.
        """
        deadline = time.monotonic() + timeout_s
        async with probes.client() as http:
            while not await probes.works(self.shop, http):
                if time.monotonic() > deadline:
                    return False
                await asyncio.sleep(INTERVAL_S)
        return True

    def _alert(self, finding: Finding) -> dict[str, Any]:
        instance = urlsplit(self.shop.url(finding.service)).netloc
        labels = {
            "alertname": finding.alertname,
            "instance": instance,
            "job": "shop",
            "service": finding.service,
            "severity": SEVERITY.get(finding.alertname, "critical"),
        }
        return {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": finding.summary},
            "startsAt": now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": f"{self.shop.url(finding.service)}/health",
            "fingerprint": fingerprint(labels),
        }


def _rank(finding: Finding) -> tuple[bool, int]:
    return finding.alertname not in NAMED_CAUSES, SERVICES.index(finding.service)


def fingerprint(labels: dict[str, str]) -> str:
    """Identity of a label set as Prometheus computes it: 64-bit FNV-1a over the sorted pairs, in hex."""
    value = 0xCBF29CE484222325
    for name, text in sorted(labels.items()):
        for byte in name.encode() + b"\xff" + text.encode() + b"\xff":
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"
