"""Real playbooks on this machine: what was changed, what failed, what goes on, and what a crash leaves."""

import asyncio
import json
from pathlib import Path

import psutil
import pytest

from naryad.errors import OutcomeUnknown, ToolFailed
from naryad.tooling import Settled
from tests.tools.ansible_playbooks import FAILS, WRITE
from tests.tools.conftest import CallTool
from tools.ansible import client as ansible_client
from tools.ansible.client import AnsibleClient
from tools.ansible.results import RunResult
from tools.ansible.tools import AnsibleTools

pytestmark = pytest.mark.slow


async def test_check_shows_and_run_does(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """A check changes nothing and masks secrets; the run after it changes for real; a check then finds nothing."""
    variables = {"folder": str(folder)}
    lines: list[str] = []
    checked = await call(ansible, "ansible_check", playbook=WRITE, variables=variables, progress=lines.append)
    assert checked.ok, checked
    assert list(folder.iterdir()) == []
    assert [task.changed for task in checked.tasks] == [True, True]
    assert "+port = 80" in checked.tasks[0].diff
    assert "hunter2" not in checked.model_dump_json()
    assert lines[0] == "First → localhost"

    ran = await call(ansible, "ansible_run", playbook=WRITE, title="Write", variables=variables, effect="e-1")
    assert (ran.ok, ran.status, ran.rc, ran.failed) == (True, "successful", 0, None)
    assert (folder / "one.conf").read_text() == "port = 80\npassword = hunter2\n"
    assert [change.task for change in ran.changed] == ["First", "Second"]
    assert "hunter2" not in ran.model_dump_json()

    again = await call(ansible, "ansible_check", playbook=WRITE, variables=variables)
    assert [task.changed for task in again.tasks] == [False, False]
    assert again.fingerprint != checked.fingerprint
    assert await ansible._fate("e-1", WRITE, "Write", variables) is Settled.HAPPENED


async def test_a_failure_midway_says_what_is_changed_already(
    call: CallTool, ansible: AnsibleTools, folder: Path
) -> None:
    """The failure carries what is known: where it broke, and what is different now."""
    with pytest.raises(ToolFailed) as caught:
        await call(ansible, "ansible_run", playbook=FAILS, title="x", variables={"folder": str(folder)})
    ran = caught.value.data
    assert isinstance(ran, RunResult)
    assert (ran.ok, ran.status, ran.rc) == (False, "failed", 2)
    assert [(place.host, place.task) for place in ran.changed] == [("localhost", "Changes")]
    assert ran.failed is not None
    assert (ran.failed.host, ran.failed.task) == ("localhost", "Looks")
    assert "Connection refused" in ran.failed.message
    assert (folder / "changed").exists()
    assert not (folder / "never").exists()


async def test_rescued_ignored_and_hidden_tasks(call: CallTool, ansible: AnsibleTools) -> None:
    """A rescued or ignored failure is no failure of the playbook, and no_log is obeyed."""
    playbook = """
- hosts: localhost
  tasks:
    - name: Ignored
      ansible.builtin.fail: {msg: never mind}
      ignore_errors: true
    - name: Hidden
      ansible.builtin.debug: {msg: hunter2}
      no_log: true
    - block:
        - name: Rescued
          ansible.builtin.fail: {msg: bad}
      rescue:
        - name: Rescuer
          ansible.builtin.debug: {msg: "was {{ ansible_failed_result.msg }}"}
    - name: Never
      ansible.builtin.debug: {msg: x}
      when: false
"""
    ran = await call(ansible, "ansible_run", playbook=playbook, title="x")
    by_name = {task.task: task for task in ran.tasks}
    assert (ran.ok, ran.failed) == (True, None)
    assert by_name["Ignored"].ignored
    assert by_name["Hidden"].hidden
    assert "hunter2" not in ran.model_dump_json()
    assert by_name["Rescuer"].message == "was bad"
    assert by_name["Never"].skipped


HANGS = """
- hosts: localhost
  tasks:
    - name: Changes
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/changed", mode: "0600"}
    - name: Hangs
      ansible.builtin.wait_for: {path: "{{ folder }}/never", timeout: 60}
"""


def end(pids: list[int]) -> None:
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=5)


async def test_a_cut_run_tells_what_goes_on(
    call: CallTool, ansible: AnsibleTools, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time limit the module that still runs is named, and really runs; the fate is unknown."""
    monkeypatch.setattr(ansible_client, "RUN_LIMIT_S", 12)
    with pytest.raises(OutcomeUnknown) as caught:
        await call(ansible, "ansible_run", playbook=HANGS, title="x", variables={"folder": str(folder)}, effect="cut")
    ran = caught.value.data
    assert isinstance(ran, RunResult)
    pids = [process.pid for process in ran.still_running]
    try:
        assert (ran.ok, ran.status) == (False, "timeout")
        assert [change.task for change in ran.changed] == ["Changes"]
        assert pids
        assert all(psutil.pid_exists(pid) for pid in pids)
        assert str(pids[0]) in ran.message
        assert await ansible._fate("cut", HANGS, "x", {}) is Settled.UNKNOWN
    finally:
        end(pids)


async def test_a_cancelled_run_is_recorded(
    call: CallTool, ansible: AnsibleTools, client: AnsibleClient, folder: Path
) -> None:
    """Cancelling stops Ansible, writes down what went on, and is passed on to the caller."""
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(line: str) -> None:
        if line.startswith("Hangs"):
            loop.call_soon_threadsafe(reached.set)

    running = asyncio.create_task(
        call(
            ansible,
            "ansible_run",
            playbook=HANGS,
            title="x",
            variables={"folder": str(folder)},
            effect="cancelled",
            progress=tell,
        )
    )
    await asyncio.wait_for(reached.wait(), 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    record = json.loads((client.folders.run("cancelled").path / "outcome.json").read_text())
    end([process["pid"] for process in record["still_running"]])
    assert record["status"] == "canceled"
    assert [task["task"] for task in record["tasks"] if task["changed"]] == ["Changes"]
    assert await ansible._fate("cancelled", HANGS, "x", {}) is Settled.UNKNOWN


async def test_a_run_starts_once(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """A second start under the same key is refused and does nothing."""
    variables = {"folder": str(folder)}
    await call(ansible, "ansible_run", playbook=WRITE, title="x", variables=variables, effect="once")
    (folder / "one.conf").unlink()
    with pytest.raises(ToolFailed, match="started before"):
        await call(ansible, "ansible_run", playbook=WRITE, title="x", variables=variables, effect="once")
    assert not (folder / "one.conf").exists()


async def test_the_rollback_is_shown_first_and_run_when_asked(
    call: CallTool, ansible: AnsibleTools, folder: Path
) -> None:
    """The person sees what would undo the playbook; undoing runs it, and its failure is one."""
    undo = f"""
- hosts: localhost
  tasks:
    - name: Take back
      ansible.builtin.file: {{path: "{folder}/one.conf", state: absent}}
"""
    variables = {"folder": str(folder)}
    text = await ansible._preview(WRITE, "x", variables, undo)
    assert "Take back" in text
    await call(ansible, "ansible_run", playbook=WRITE, title="x", variables=variables, rollback=undo)
    assert (folder / "one.conf").exists()
    undone = await ansible._undo(WRITE, "x", variables, undo)
    assert undone.ok
    assert not (folder / "one.conf").exists()
    with pytest.raises(ToolFailed, match="«Looks»"):
        await ansible._undo(WRITE, "x", variables, FAILS)
    with pytest.raises(ToolFailed, match="'shell'"):
        await ansible._preview(WRITE, "x", variables, "- hosts: all\n  tasks: [{shell: id}]")
