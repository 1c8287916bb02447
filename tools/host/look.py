"""A monitor's look at what fills up: a service's data and memory against its limits, and the machine itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from knowledge_base.services import HostLimits, Service
from naryad.errors import ToolFailed
from tools.host.client import HostClient

MOST_PROCESSES = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure with the threshold that it must not exceed."""

    metric: str
    value: float
    threshold: float


def of_service(service: Service) -> Iterator[Reading]:
    """What a service on this machine uses of its limits. Blocks.

    Raises:
        ToolFailed: It cannot be measured.
    """
    if service.data_dir and service.data_limit_mb:
        used = HostClient([service.data_dir]).directory(str(service.data_dir))["used_mb"]
        yield Reading("data_mb", used, service.data_limit_mb)
    if service.memory_limit_mb:
        found = HostClient([]).processes(service.process, MOST_PROCESSES)["processes"]
        yield Reading("memory_mb", round(sum(row["rss_mb"] for row in found), 1), service.memory_limit_mb)


def of_host(limits: HostLimits) -> Iterator[Reading]:
    """How full this machine is. Blocks."""
    host = HostClient([])
    if limits.memory_percent:
        yield Reading("memory_percent", host.memory()["percent"], limits.memory_percent)
    if limits.disk_percent:
        for path in limits.disks:
            try:
                yield Reading(f"disk_percent:{path}", host.disk(path)["percent"], limits.disk_percent)
            except ToolFailed:
                continue  # no such disk on this one of several machines
