"""Faults that are really injected into a shop; each says what breaks and which alert it raises."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil

from lab.shop import Shop
from naryad.errors import NaryadError, NotFound

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


def _fault(name: str, alertname: str, service: str) -> Callable[[Inject], Inject]:
    def declare(inject: Inject) -> Inject:
        FAULTS[name] = Fault(name, alertname, service, (inject.__doc__ or "").partition("\n")[0], inject)
        return inject

    return declare


@_fault("crash", "ServiceDown", "web")
async def _crash(shop: Shop) -> None:
    """The front is killed by SIGKILL and nothing restarts it."""
    psutil.Process(await _pid(shop, "web")).send_signal(signal.SIGKILL)
    await _gone(shop, "web")


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

    Raises:
        NotFound: There is no such fault.
        NaryadError: The shop was not healthy, or the fault did not take.
    """
    if name not in FAULTS:
        raise NotFound(f"No fault {name!r}; known: {', '.join(NAMES)}.")
    await FAULTS[name].inject(shop)
