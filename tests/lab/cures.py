"""Cures by hand, one for each fault, as a person would apply them."""

from collections.abc import Awaitable, Callable

from lab.shop import Shop


async def _start_front(shop: Shop) -> None:
    await shop.supervisor.start("web")


async def _restart_front(shop: Shop) -> None:
    await shop.supervisor.restart("web")


async def _restore_config(shop: Shop) -> None:
    shop.layout.config("web").write_text(shop.layout.config_good("web").read_text())
    await shop.supervisor.start("web")


async def _empty_temp(shop: Shop) -> None:
    for file in shop.layout.store_temp.iterdir():
        file.unlink()


async def _start_store(shop: Shop) -> None:
    await shop.supervisor.start("store")


async def _restart_worker(shop: Shop) -> None:
    await shop.supervisor.restart("worker")


async def _protect_key(shop: Shop) -> None:
    shop.layout.secret_key.chmod(0o600)
    await shop.supervisor.start("store")


async def _free_port(shop: Shop) -> None:
    await shop.supervisor.stop("debug-proxy")
    await shop.supervisor.start("web")


CURES: dict[str, Callable[[Shop], Awaitable[None]]] = {
    "crash": _start_front,
    "bad-config": _restore_config,
    "disk-full": _empty_temp,
    "hung": _restart_front,
    "dependency-down": _start_store,
    "memory-leak": _restart_worker,
    "wrong-permissions": _protect_key,
    "port-conflict": _free_port,
}
