"""What can be seen of the shop from outside: each service's own answer, its memory, an order's way."""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import psutil

from lab.layout import WORKER_MEMORY_LIMIT_MB
from naryad.clock import new_id
from naryad.errors import NaryadError

if TYPE_CHECKING:
    from lab.shop import Shop

SERVICES = ("web", "worker", "store")
"""From the outside inwards."""
PROBE_TIMEOUT_S = 2.0
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now."""

    alertname: str
    service: str
    summary: str


def client() -> httpx.AsyncClient:
    """An HTTP client for probes; a proxy from the environment has no business on loopback."""
    return httpx.AsyncClient(timeout=PROBE_TIMEOUT_S, trust_env=False)


async def look(shop: "Shop", http: httpx.AsyncClient) -> list[Finding]:
    """Probe everything once, outermost service first."""
    found = await asyncio.gather(*(_health(shop, name, http) for name in SERVICES), _memory(shop))
    return [finding for finding in found if finding]


async def _health(shop: "Shop", name: str, http: httpx.AsyncClient) -> Finding | None:
    url = f"{shop.url(name)}/health"
    try:
        answer = await http.get(url)
        status, body = answer.status_code, answer.json()
    except httpx.ConnectError:
        return Finding("ServiceDown", name, f"{name} does not accept connections at {url}")
    except httpx.TimeoutException:
        return Finding("ServiceUnresponsive", name, f"{name} gave no answer in {PROBE_TIMEOUT_S:g} s at {url}")
    except (httpx.HTTPError, ValueError):
        return Finding("ServiceDown", name, f"something that is not {name} answers at {url}")
    error = body.get("error", status) if isinstance(body, dict) else status
    match status:
        case 200:
            return None
        case 507:
            return Finding("DiskFull", name, f"{name} cannot write: {error}")
        case 503:
            return Finding("ServiceDegraded", name, f"{name} is degraded: {error}")
    return Finding("ServiceDown", name, f"{name} answers {status} at {url}")


async def _memory(shop: "Shop") -> Finding | None:
    pid = (await shop.supervisor.info("worker"))["pid"]
    try:
        used = psutil.Process(pid).memory_info().rss / MB if pid else 0
    except psutil.Error:
        return None
    if used <= WORKER_MEMORY_LIMIT_MB:
        return None
    return Finding("MemoryHigh", "worker", f"worker uses {used:.0f} MB of memory, limit {WORKER_MEMORY_LIMIT_MB} MB")


async def order_goes_through(shop: "Shop", http: httpx.AsyncClient, timeout_s: float) -> bool:
    """Place an order at the front and see it stored and processed."""
    deadline = time.monotonic() + timeout_s
    token = new_id()
    try:
        answer = await http.post(f"{shop.url('web')}/orders", json={"item": "probe", "token": token})
        if answer.status_code != 201:
            return False
        url = f"{shop.url('store')}/orders/{answer.json()['id']}"
        while True:
            order = (await http.get(url)).json()
            if (order["token"], order["status"]) == (token, "done"):
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
    except (httpx.HTTPError, ValueError, KeyError):
        return False


async def works(shop: "Shop", http: httpx.AsyncClient, timeout_s: float = 5.0) -> bool:
    """Whether nothing is wrong and an order goes through."""
    try:
        return not await look(shop, http) and await order_goes_through(shop, http, timeout_s)
    except NaryadError:
        return False
