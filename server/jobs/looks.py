"""What the monitors look at: every service of the catalogue that has a health address, and what has limits here."""

import asyncio
import socket
from collections.abc import Iterable, Iterator
from functools import partial

import structlog

from knowledge_base.services import Catalogue, Service
from naryad.errors import ToolFailed
from naryad.scheduler.monitors import Finding, Looks
from tools.host import look as host
from tools.host.look import Reading
from tools.probe import look as probe
from tools.probe.reach import Reach

log = structlog.get_logger()
AT_ONCE = 16
_ALERTS = {"data_mb": "DiskFull", "memory_mb": "MemoryHigh"}


async def services(catalogue: Catalogue) -> Looks:
    """Whether each service answers."""
    reach, free = Reach.of(catalogue), asyncio.Semaphore(AT_ONCE)

    async def one(service: Service) -> Looks:
        try:
            async with free:
                fault = await probe.fault(service, reach)
        except Exception:  # what breaks on one service must not hide the others
            log.exception("monitors.service.broke", service=service.name)
            return {}
        labels = {"alertname": "ServiceDown", "service": service.name, "severity": "critical"}
        found = Finding(labels, f"{service.name}: {fault}") if fault else None
        return {f"{service.name}/ServiceDown": found}

    looks = await asyncio.gather(*(one(service) for service in catalogue.services if service.health_url))
    return {name: found for look in looks for name, found in look.items()}


async def limits(catalogue: Catalogue) -> Looks:
    """Whether what is on this machine keeps to its limits."""
    return dict(await asyncio.to_thread(lambda: list(_limits(catalogue))))


def _limits(catalogue: Catalogue) -> Iterator[tuple[str, Finding | None]]:
    for service in catalogue.services:
        if service.here:
            yield from _measured({"service": service.name}, host.of_service(service)).items()
    yield from _measured({"host": socket.gethostname()}, host.of_host(catalogue.host_limits)).items()


def _measured(place: dict[str, str], readings: Iterable[Reading]) -> Looks:
    try:
        return dict(map(partial(_compared, place), readings))
    except ToolFailed:
        return {}  # what cannot be measured is neither well nor unwell
    except Exception:  # nor must it hide the others where it breaks
        log.exception("monitors.limits.broke", **place)
        return {}


def _compared(place: dict[str, str], reading: Reading) -> tuple[str, Finding | None]:
    alert = _ALERTS.get(reading.metric, "HostDiskFull" if reading.metric.startswith("disk") else "HostMemoryHigh")
    (where,) = place.values()
    name = f"{where}/{reading.metric}"
    if reading.value <= reading.threshold:
        return name, None
    labels = {"alertname": alert, **place, "metric": reading.metric, "severity": "warning"}
    summary = f"{where}: {reading.metric} is {reading.value:g}, limit {reading.threshold:g}"
    told = {"metric": reading.metric, "threshold": f"{reading.threshold:g}", "value": f"{reading.value:g}"}
    return name, Finding(labels, summary, told)
