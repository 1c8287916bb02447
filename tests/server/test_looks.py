"""What the monitors look at: whatever breaks in one place hides no other."""

from collections.abc import Iterator

import pytest

from knowledge_base.services import Catalogue, HostLimits, Service
from server.jobs import looks
from tools.host.look import Reading
from tools.probe.reach import Reach

PLACES = [
    {"name": name, "health_url": f"http://{name}.test/", "process": name, "unit": name} for name in ("shop", "db")
]
CATALOGUE = Catalogue.model_validate({"services": PLACES})


async def test_a_service_that_cannot_be_asked_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither well nor unwell."""

    async def fault(service: Service, _reach: Reach) -> str:
        return str({"db": "refused"}[service.name])

    monkeypatch.setattr("server.jobs.looks.probe.fault", fault)
    found = await looks.services(CATALOGUE)
    assert [(name, wrong and wrong.summary) for name, wrong in found.items()] == [("db/ServiceDown", "db: refused")]


async def test_what_cannot_be_measured_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another service nor the machine itself."""

    def of_service(service: Service) -> Iterator[Reading]:
        yield Reading("memory_mb", {"db": 2}[service.name], 1)

    def of_host(_limits: HostLimits) -> Iterator[Reading]:
        yield Reading("memory_percent", 1, 90)

    monkeypatch.setattr("server.jobs.looks.host.of_service", of_service)
    monkeypatch.setattr("server.jobs.looks.host.of_host", of_host)
    found = await looks.limits(CATALOGUE)
    assert [name.partition("/")[2] for name in found] == ["memory_mb", "memory_percent"]
