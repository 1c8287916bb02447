"""A child never outlives its parent."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "naryad.child", str(os.getpid()), "http.server", "0"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
async def test_a_child_dies_with_a_killed_parent(tmp_path: Path, stopped: bool) -> None:
    """The parent has no chance to clean up, and a stopped child none to look for itself."""
    if stopped and sys.platform != "linux":
        pytest.skip("only Linux can end a stopped child")
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    await wait_for(lambda: "LISTEN" in {c.status for c in child.net_connections()})
    if stopped:
        os.kill(child.pid, signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    await wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def wait_for(condition: object) -> None:
    for _ in range(1000):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never happened")
