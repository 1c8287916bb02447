"""Faults that are really injected into a shop; each says what breaks and which alert it raises."""

import asyncio
import re
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab import probes
from lab.layout import STORE_LIMIT_MB
from lab.services.store import MB, directory_size
from lab.shop import Shop
from naryad.errors import NaryadError, NotFound
from naryad.i18n import N_

Inject = Callable[[Shop], Awaitable[None]]
TOOK_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with the one alert that `Monitor` raises for it."""

    name: str
    alertname: str
    service: str
    what: str
    inject: Inject


FAULTS: dict[str, Fault] = {}


def _fault(name: str, alertname: str, service: str, what: str) -> Callable[[Inject], Inject]:
    def declare(inject: Inject) -> Inject:
        FAULTS[name] = Fault(name, alertname, service, what, inject)
        return inject

    return declare


@_fault("crash", "ServiceDown", "web", N_("The front is killed by SIGKILL and nothing restarts it."))
async def _crash(shop: Shop) -> None:
    psutil.Process(await _pid(shop, "web")).send_signal(signal.SIGKILL)
    await _gone(shop, "web")


@_fault(
    "bad-config",
    "ServiceDown",
    "web",
    N_("Someone edits the front's configuration in haste and restarts it: it exits at once."),
)
async def _bad_config(shop: Shop) -> None:
    """The timeout gets a unit, `2.5s`, which is no TOML number. The last good copy lies beside the file."""
    config = shop.layout.config("web")
    text = await asyncio.to_thread(config.read_text, encoding="utf-8")
    broken = re.sub(r"store_timeout_s = .*", "store_timeout_s = 2.5s", text)
    await asyncio.to_thread(config.write_text, broken, encoding="utf-8")
    await shop.supervisor.restart("web")
    await _gone(shop, "web")


@_fault(
    "disk-full",
    "DiskFull",
    "store",
    N_("Scratch files of an export that never cleaned up fill the store's directory to its limit."),
)
async def _disk_full(shop: Shop) -> None:
    """Writes fail with ENOSPC, so the store's health, which writes, answers 507."""
    await asyncio.to_thread(_fill, shop.layout.store_dir, shop.layout.store_temp)


def _fill(directory: Path, temp: Path) -> None:
    number = 0
    while (room := STORE_LIMIT_MB * MB - directory_size(directory)) > 0:
        number += 1
        (temp / f"export-{number:04d}.tmp").write_bytes(b"junk" * (min(room, 2 * MB) // 4 + 1))


@_fault(
    "hung",
    "ServiceUnresponsive",
    "web",
    N_("The front is stopped by SIGSTOP: its port accepts connections, and nothing answers."),
)
async def _hung(shop: Shop) -> None:
    psutil.Process(await _pid(shop, "web")).suspend()


@_fault(
    "dependency-down",
    "ServiceDegraded",
    "web",
    N_("The store is stopped cleanly; the front lives and answers 503, since it cannot reach it."),
)
async def _dependency_down(shop: Shop) -> None:
    await shop.supervisor.stop("store")
    await _gone(shop, "store")


@_fault(
    "memory-leak",
    "MemoryHigh",
    "worker",
    N_("An order with a batch that cannot be printed makes the worker keep every attempt in memory."),
)
async def _memory_leak(shop: Shop) -> None:
    """It grows by 25 MB per tick up to 300 MB, past its limit of 120 MB; the order is settled, so a restart cures."""
    async with probes.client() as http:
        order = await http.post(f"{shop.url('web')}/orders", json={"item": "calendar", "batch_mb": 25})
        url = f"{shop.url('store')}/orders/{order.json()['id']}"
        deadline = time.monotonic() + TOOK_TIMEOUT_S
        while (await http.get(url)).json()["status"] != "printing":
            if time.monotonic() > deadline:
                raise NaryadError("The fault did not take: the worker did not begin the batch.")
            await asyncio.sleep(0.1)


@_fault(
    "wrong-permissions",
    "ServiceDegraded",
    "web",
    N_("The store's secret key becomes readable and writable by everybody, and the store refuses to start."),
)
async def _wrong_permissions(shop: Shop) -> None:
    """It checks the mode bits itself, for root too. Only the store's log tells this from `dependency-down`."""
    await asyncio.to_thread(shop.layout.secret_key.chmod, 0o666)
    await shop.supervisor.restart("store")
    await _gone(shop, "store")


@_fault(
    "port-conflict",
    "ServiceDown",
    "web",
    N_("A developer's proxy takes the front's port while the front is stopped, so the front cannot start again."),
)
async def _port_conflict(shop: Shop) -> None:
    """The port answers, but not as the front does: the cure stops the proxy before it starts the front."""
    await shop.supervisor.stop("web")
    await shop.supervisor.start("debug-proxy")
    await _pid(shop, "debug-proxy")
    await _listens(shop.layout.ports["web"])
    await shop.supervisor.start("web")
    await _gone(shop, "web")


async def _listens(port: int) -> None:
    deadline = time.monotonic() + TOOK_TIMEOUT_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            if time.monotonic() > deadline:
                raise NaryadError(f"The fault did not take: nothing listens on port {port}.") from None
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


async def _pid(shop: Shop, name: str) -> int:
    pid = (await shop.supervisor.info(name))["pid"]
    if not pid:
        raise NaryadError(f"{name} does not run: repair the shop before the next fault.")
    return int(pid)


async def _gone(shop: Shop, name: str) -> None:
    """Wait until the supervisor has seen the program's end."""
    deadline = time.monotonic() + TOOK_TIMEOUT_S
    while (await shop.supervisor.info(name))["pid"]:
        if time.monotonic() > deadline:
            raise NaryadError(f"The fault did not take: {name} still runs.")
        await asyncio.sleep(0.1)


NAMES: tuple[str, ...] = tuple(FAULTS)


async def inject(name: str, shop: Shop) -> None:
    """Break a healthy shop.

    Args:
        name: One of `NAMES`.
        shop: Started and healthy, so that only this fault shows.

    Raises:
        NotFound: There is no such fault.
        NaryadError: The shop was not healthy, or the fault did not take.
    """
    if name not in FAULTS:
        raise NotFound(f"No fault {name!r}; known: {', '.join(NAMES)}.")
    async with probes.client() as http:
        if not await probes.works(shop, http):
            raise NaryadError(f"The shop is not healthy: repair it before the fault {name!r}.")
    await FAULTS[name].inject(shop)
