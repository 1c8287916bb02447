"""The service module under a real Ansible: honest in check mode, and sure of what it did."""

import os
import sys
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from lab import faults
from lab.shop import Shop

pytestmark = [pytest.mark.may_block, pytest.mark.slow]

BIN = Path(sys.executable).parent
"""Where ansible-playbook lies, also when the virtual environment is not activated."""


def _play(shop: Shop, tmp_path: Path, *tasks: dict[str, Any], check: bool = False) -> list[dict[str, Any]]:
    """Run the tasks on the shop's machine; returns each task's result."""
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ignore_errors": True, **task} for task in tasks]}
    folder = tmp_path / "run"
    folder.mkdir(exist_ok=True)
    run = ansible_runner.run(
        private_data_dir=str(folder),
        playbook=[play],
        inventory=str(shop.inventory),
        envvars={"ANSIBLE_LIBRARY": str(shop.library), "PATH": f"{BIN}:{os.environ['PATH']}"},
        cmdline="--check --diff" if check else "--diff",
        quiet=True,
        suppress_env_files=True,
    )
    assert run.status == "successful", run.stdout.read()
    ends = {"runner_on_ok": False, "runner_on_failed": True}
    return [
        {**event["event_data"]["res"], "failed": ends[event["event"]]} for event in run.events if event["event"] in ends
    ]


def _service(name: str, state: str) -> dict[str, Any]:
    manager = "{{ service_manager | default('auto') }}"
    return {"ansible.builtin.service": {"name": name, "state": state, "use": manager}}


async def _pid(shop: Shop, name: str) -> int:
    return int((await shop.supervisor.info(name))["pid"])


async def test_check_mode_shows_the_change_and_makes_none(shop: Shop, tmp_path: Path) -> None:
    """The diff names the process that would go; that process is still there."""
    pid = await _pid(shop, "web")
    restarted, stopped, started = _play(
        shop, tmp_path, *(_service("web", state) for state in ("restarted", "stopped", "started")), check=True
    )
    assert restarted["diff"]["before"] == f"state: RUNNING\npid: {pid}\n"
    assert restarted["diff"]["after"] == "state: RUNNING\npid: (new process)\n"
    assert stopped["diff"]["after"] == "state: STOPPED\npid: -\n"
    assert [result["changed"] for result in (restarted, stopped, started)] == [True, True, False]
    assert await _pid(shop, "web") == pid


async def test_states_are_reached_and_reported(shop: Shop, tmp_path: Path) -> None:
    """A restart gives a new process, a second start changes nothing, a stop stops; reload keeps a running one."""
    before = await _pid(shop, "worker")
    restarted, started, stopped, again, reloaded = _play(
        shop,
        tmp_path,
        *(_service("worker", state) for state in ("restarted", "started", "stopped", "stopped", "reloaded")),
    )
    assert restarted["status"]["state"] == "RUNNING"
    assert restarted["status"]["pid"] != before
    assert (started["changed"], started["status"]) == (False, restarted["status"])
    assert (stopped["changed"], stopped["status"]) == (True, {"state": "STOPPED", "pid": None})
    assert again["changed"] is False
    assert reloaded["status"] == {"state": "RUNNING", "pid": await _pid(shop, "worker")}


async def test_a_failed_start_says_why(shop: Shop, tmp_path: Path) -> None:
    """The task fails with the last lines of the service's log, and with the state it left."""
    await faults.inject("bad-config", shop)
    started, standalone, unknown = _play(
        shop,
        tmp_path,
        _service("web", "started"),
        {"supervised_service": {"name": "web", "state": "restarted", "enabled": True}},
        _service("nothing", "started"),
    )
    for result in (started, standalone):
        assert result["failed"]
        assert f"{shop.layout.config('web')}:4: " in result["msg"]
        assert result["status"]["state"] in {"FATAL", "EXITED"}
    assert "no service 'nothing'" in unknown["msg"]


async def test_an_absent_supervisor_is_named(shop: Shop, tmp_path: Path) -> None:
    """A shop that has ended cannot be repaired through its module."""
    await shop.stop()
    (result,) = _play(shop, tmp_path, _service("web", "started"))
    assert "cannot reach the supervisor" in result["msg"]
