"""Each fault really breaks the shop, raises its one alert, and is gone after its cure."""

import socket
import stat
from pathlib import Path

import httpx
import psutil
import pytest

from lab import faults, probes
from lab.monitor import Monitor
from lab.shop import Shop
from naryad.errors import NaryadError, NotFound
from tests.lab.cures import CURES

ALERTS = {
    "crash": ("ServiceDown", "web"),
    "bad-config": ("ServiceDown", "web"),
    "disk-full": ("DiskFull", "store"),
    "hung": ("ServiceUnresponsive", "web"),
    "dependency-down": ("ServiceDegraded", "web"),
    "memory-leak": ("MemoryHigh", "worker"),
    "wrong-permissions": ("ServiceDegraded", "web"),
    "port-conflict": ("ServiceDown", "web"),
}


async def _answer(url: str) -> int | str:
    """Status of a GET, or how it failed."""
    async with probes.client() as http:
        try:
            return (await http.get(url)).status_code
        except httpx.HTTPError as error:
            return type(error).__name__


async def _order(shop: Shop) -> int | str:
    """Status of an order placed at the front, or how it failed."""
    async with probes.client() as http:
        try:
            return (await http.post(f"{shop.url('web')}/orders", json={"item": "tea"})).status_code
        except httpx.HTTPError as error:
            return type(error).__name__


async def _evidence(name: str, shop: Shop) -> None:
    """What is really broken, seen from outside and in the logs."""
    front = await _answer(f"{shop.url('web')}/health")
    web, store, worker = (shop.layout.log(service).read_text() for service in ("web", "store", "worker"))
    match name:
        case "crash":
            assert front == "ConnectError"
            assert not web.endswith("stopping on SIGTERM\n")
        case "bad-config":
            assert front == "ConnectError"
            assert f"ERROR bad configuration {shop.layout.config('web')}:4: " in web
        case "disk-full":
            assert (await _order(shop), await _answer(f"{shop.url('store')}/health")) == (507, 507)
            assert f"ERROR no space left in {shop.layout.store_dir}: 20.0 of 20 MB used" in store
        case "hung":
            assert front == "ReadTimeout"
            with socket.create_connection(("127.0.0.1", shop.layout.ports["web"]), timeout=1):
                pass  # the port still accepts
        case "dependency-down":
            assert (front, await _order(shop)) == (503, 503)
            assert store.endswith("INFO stopping on SIGTERM\n")
        case "memory-leak":
            pid = (await shop.supervisor.info("worker"))["pid"]
            assert psutil.Process(pid).memory_info().rss > 120 * 1024 * 1024
            assert "MB in memory" in worker
        case "wrong-permissions":
            assert front == 503
            assert f"{shop.layout.secret_key} has mode 0666, accessible by others; wanted mode 0600" in store
        case "port-conflict":
            assert front == "RemoteProtocolError"
            assert f"cannot listen on 127.0.0.1:{shop.layout.ports['web']}: address already in use" in web


async def _break_and_cure(name: str, shop: Shop, monitor: Monitor) -> None:
    await faults.inject(name, shop)
    alert = await monitor.next_alert(60)
    assert (alert["labels"]["alertname"], alert["labels"]["service"]) == ALERTS[name]
    await _evidence(name, shop)
    assert not await monitor.healthy(0)
    await CURES[name](shop)
    assert await monitor.healthy(60)


@pytest.mark.parametrize("name", faults.NAMES)
async def test_a_fault_breaks_the_shop_and_its_cure_repairs_it(name: str, shop: Shop, monitor: Monitor) -> None:
    """An order goes through before and after, and in between the expected alert fires on real evidence."""
    await _break_and_cure(name, shop, monitor)


@pytest.mark.slow
async def test_all_faults_one_after_another_on_one_repaired_shop(shop: Shop, monitor: Monitor) -> None:
    """No fault leaves anything behind that changes the alert or the cure of the next."""
    for name in reversed(faults.NAMES):
        await _break_and_cure(name, shop, monitor)


def test_every_fault_declares_the_alert_it_raises() -> None:
    """The declaration that the demo reads is the one the tests hold the monitor to."""
    declared = {name: (fault.alertname, fault.service) for name, fault in faults.FAULTS.items()}
    assert declared == ALERTS
    assert all(fault.what for fault in faults.FAULTS.values())


async def test_an_unknown_fault_is_refused(tmp_path: Path) -> None:
    """The error lists the faults that exist."""
    with pytest.raises(NotFound, match="port-conflict"):
        await faults.inject("fire", Shop(tmp_path))


async def test_a_broken_shop_takes_no_second_fault(shop: Shop) -> None:
    """Two faults at once would raise an alert that belongs to neither."""
    await faults.inject("crash", shop)
    with pytest.raises(NaryadError, match="not healthy"):
        await faults.inject("wrong-permissions", shop)
    assert stat.S_IMODE(shop.layout.secret_key.stat().st_mode) == 0o600
