"""The shop starts whole, ends without a trace, and says why it cannot start."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from lab import probes, processes
from lab.monitor import Monitor
from lab.shop import CODE, Shop
from naryad.errors import NaryadError

PARENT = """
import asyncio, sys
from pathlib import Path
from lab.shop import Shop

async def main():
    shop = Shop(Path(sys.argv[1]))
    await shop.start()
    print(shop.lab_id, shop.layout.run, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def _wait_until_none(lab_id: str) -> list[psutil.Process]:
    deadline = time.monotonic() + 30
    while (left := processes.marked(lab_id)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


@pytest.mark.parametrize("name", ["shop 100% #1 ;'\"", "магазин", "deep/" + "long-name-" * 12 + "/shop"])
async def test_a_home_may_have_any_name_and_length(tmp_path: Path, name: str) -> None:
    """Neither the supervisor's file format nor the length of a socket's path limits where a shop may live."""
    async with Shop(tmp_path / name) as shop:
        assert await Monitor(shop).healthy(60)


async def test_stop_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    """Every process of the lab is gone by pid, stopping again does nothing, and logs stay."""
    shop = Shop(tmp_path / "shop")
    await shop.start()
    before = processes.marked(shop.lab_id)
    assert len(before) == 4  # supervisor and three services
    run = shop.layout.run
    await shop.stop()
    await shop.stop()
    assert not any(process.is_running() for process in before)
    assert not run.exists()
    assert "started pid=" in shop.layout.log("web").read_text()


async def test_a_shop_starts_again_with_its_orders(tmp_path: Path) -> None:
    """What was ordered before the end is there after the next start, which repairs what was left broken."""
    shop = Shop(tmp_path / "shop")
    async with shop, probes.client() as http:
        order = (await http.post(f"{shop.url('web')}/orders", json={"item": "tea"})).json()
        (shop.layout.store_temp / "junk").write_bytes(b"junk" * 6_000_000)
        shop.layout.config("web").write_text("port = ")
    async with shop, probes.client() as http:
        kept = (await http.get(f"{shop.url('store')}/orders/{order['id']}")).json()
    assert (kept["id"], kept["item"]) == (order["id"], "tea")


async def test_stop_ends_stopped_and_stray_processes(tmp_path: Path) -> None:
    """A service and a supervisor under SIGSTOP, and a process in a session of its own, do not survive."""
    shop = Shop(tmp_path / "shop")
    await shop.start()
    stray = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"),
        env={**os.environ, processes.MARKER: shop.lab_id},
        start_new_session=True,
    )
    for process in processes.marked(shop.lab_id):
        process.suspend()
    await shop.stop()
    assert processes.marked(shop.lab_id) == []
    assert await stray.wait() in (-signal.SIGKILL, -signal.SIGTERM)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux's")
@pytest.mark.may_block
def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the process that started the shop ends supervisor and services, also a stopped one."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "shop")],
        env={**os.environ, "PYTHONPATH": str(CODE)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        lab_id, run = parent.stdout.readline().split()
        running = processes.marked(lab_id)
        assert len(running) == 4
        next(process for process in running if "lab.services.web" in process.cmdline()).suspend()
        parent.kill()
    assert _wait_until_none(lab_id) == []
    shutil.rmtree(run)


async def test_a_shop_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    """The error holds the end of the log of the service that failed."""
    shop = Shop(tmp_path / "shop")
    data = tmp_path / "shop" / "data" / "store"
    (data / "orders.log").mkdir(parents=True)
    with pytest.raises(NaryadError, match=r"store.log: IsADirectoryError: .*orders\.log"):
        await shop.start()
    assert processes.marked(shop.lab_id) == []


async def test_the_catalogue_tells_where_everything_is(shop: Shop) -> None:
    """Paths of the catalogue exist, and each process text finds exactly its own process."""
    services = {entry["name"]: entry for entry in yaml.safe_load(shop.services.read_text())["services"]}
    assert list(services) == ["web", "store", "worker", "debug-proxy"]
    files = {str(path) for path in shop.home.rglob("*") if path.is_file()}
    for name in ("web", "store", "worker"):
        entry = services[name]
        assert all(entry[key] in files for key in ("log", "config", "config_good"))
        found = [process.pid for process in psutil.process_iter() if entry["process"] in _command(process)]
        assert found == [(await shop.supervisor.info(name))["pid"]]
    assert Path(services["store"]["temp_dir"]).is_relative_to(services["store"]["data_dir"])


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
