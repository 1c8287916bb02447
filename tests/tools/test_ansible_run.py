"""Real playbooks on this machine: what was changed, what failed, what goes on, and what a crash leaves."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from naryad.errors import ToolFailed
from naryad.tooling import Settled
from tests.needs import needs_package
from tests.tools.conftest import CallTool
from tools.ansible import client as ansible_client
from tools.ansible.allowlist import Playbook
from tools.ansible.client import AnsibleClient, Execution
from tools.ansible.modules import DEFAULT_MODULES
from tools.ansible.tools import AnsibleTools

pytestmark = pytest.mark.slow

WRITE = """
- name: Write
  hosts: localhost
  tasks:
    - name: First
      ansible.builtin.copy: {content: "port = 80\\npassword = hunter2\\n", dest: "{{ folder }}/one.conf", mode: "0640"}
    - name: Second
      ansible.builtin.file: {path: "{{ folder }}/two", state: directory, mode: "0750"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "managed").mkdir()
    return tmp_path / "managed"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.ini"
    path.write_text("localhost ansible_connection=local db_password=hunter2\n")
    return path


@pytest.fixture
def client(tmp_path: Path, inventory: Path) -> AnsibleClient:
    return AnsibleClient(inventory, home=tmp_path / "ansible")


@pytest.fixture
def ansible(client: AnsibleClient) -> AnsibleTools:
    return AnsibleTools(client)


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


async def test_preview_and_precondition_share_a_check_and_follow_the_state(
    ansible: AnsibleTools, client: AnsibleClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked at once they cost one check; a change in the world gives another fingerprint."""
    checks: list[Playbook] = []
    real = client.check

    def counted(playbook: Playbook, cancelled: Callable[[], bool], tell: Callable[[str], None]) -> Execution:
        checks.append(playbook)
        return real(playbook, cancelled, tell)

    monkeypatch.setattr(client, "check", counted)
    variables = {"folder": str(folder)}
    text, before = await asyncio.gather(
        ansible._preview(WRITE, "Write", variables), ansible._fingerprint(WRITE, "Write", variables)
    )
    assert len(checks) == 1
    assert f"+++ {folder}/one.conf" in text
    assert f"{folder}/two: state: absent → directory" in text
    ansible._checks.forget()
    assert await ansible._fingerprint(WRITE, "Write", variables) == before
    (folder / "one.conf").write_text("port = 8080\n")
    ansible._checks.forget()
    assert await ansible._fingerprint(WRITE, "Write", variables) != before
    assert len(checks) == 3


FAILS = """
- hosts: localhost
  tasks:
    - name: Changes
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/changed", mode: "0600"}
    - name: Looks
      ansible.builtin.uri: {url: "http://127.0.0.1:1/"}
      register: answer
    - name: Breaks
      ansible.builtin.assert: {that: answer.status == 200, fail_msg: "no luck, token=hunter2"}
    - name: Never comes
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/never", mode: "0600"}
"""


async def test_a_failure_midway_says_what_is_changed_already(
    call: CallTool, ansible: AnsibleTools, folder: Path
) -> None:
    """The failure is a result: where it broke, and what is different now."""
    ran = await call(ansible, "ansible_run", playbook=FAILS, title="x", variables={"folder": str(folder)})
    assert (ran.ok, ran.status, ran.rc) == (False, "failed", 2)
    assert [(place.host, place.task) for place in ran.changed] == [("localhost", "Changes")]
    assert ran.failed is not None
    assert (ran.failed.host, ran.failed.task) == ("localhost", "Looks")
    assert "Connection refused" in ran.failed.message
    assert (folder / "changed").exists()
    assert not (folder / "never").exists()


async def test_what_check_mode_cannot_preview_is_named(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """A module without check mode, and a failure that only follows from it, are warnings, not silence."""
    checked = await call(ansible, "ansible_check", playbook=FAILS, variables={"folder": str(folder)})
    assert checked.ok
    assert checked.skipped_in_check == ["Looks"]
    assert any("Breaks" in warning for warning in checked.warnings)
    text = await ansible._preview(FAILS, "x", {"folder": str(folder)})
    assert "? Looks (ansible.builtin.uri)" in text


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
    ran = await call(ansible, "ansible_run", playbook=HANGS, title="x", variables={"folder": str(folder)}, effect="cut")
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


@pytest.mark.parametrize("tool", ["ansible_check", "ansible_run"])
async def test_a_host_outside_the_inventory_is_not_reached(
    call: CallTool, client: AnsibleClient, inventory: Path, folder: Path, tool: str
) -> None:
    """Ansible's implicit localhost is this machine: without a line in the inventory nothing runs on it."""
    inventory.write_text("elsewhere ansible_connection=local\n")
    ansible = AnsibleTools(client)
    variables = {"folder": str(folder)}
    if tool == "ansible_check":
        checked = await call(ansible, tool, playbook=WRITE, variables=variables)
        assert not checked.ok
        assert checked.fingerprint == ""
        assert "no host" in checked.errors[0]
    else:
        with pytest.raises(ToolFailed, match="no host"):
            await call(ansible, tool, playbook=WRITE, variables=variables, title="x", effect="nowhere")
        assert await ansible._fate("nowhere", "", "x", {}) is Settled.NOT_STARTED
    assert list(folder.iterdir()) == []


async def test_an_unreachable_host_is_a_result(call: CallTool, client: AnsibleClient, inventory: Path) -> None:
    """A host that does not answer is listed; what was done on others stays told."""
    inventory.write_text("localhost ansible_connection=local\nfar ansible_host=127.0.0.1 ansible_port=1\n")
    playbook = "- hosts: all\n  tasks:\n    - name: Look\n      ansible.builtin.stat: {path: /}\n"
    ran = await call(AnsibleTools(client), "ansible_run", playbook=playbook, title="x")
    assert not ran.ok
    assert ran.unreachable == ["far"]
    assert {task.host for task in ran.tasks if not task.unreachable} == {"localhost"}


async def test_a_broken_inventory_is_told(call: CallTool, client: AnsibleClient, inventory: Path) -> None:
    """An inventory that cannot be read fails with Ansible's own words, before anything runs."""
    inventory.write_text("[all\nlocalhost\n")
    with pytest.raises(ToolFailed, match=r"did not start.*inventory"):
        await call(AnsibleTools(client), "ansible_run", playbook=WRITE, title="x", variables={"folder": "/nowhere"})


async def test_no_inventory_is_told(call: CallTool, client: AnsibleClient, inventory: Path) -> None:
    """A missing inventory is a plain message."""
    inventory.unlink()
    with pytest.raises(ToolFailed, match="no inventory at"):
        await call(AnsibleTools(client), "ansible_run", playbook=WRITE, title="x", variables={"folder": "/nowhere"})


LIBRARY_MODULE = """#!/usr/bin/python
import os
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"path": {"type": "path"}}, supports_check_mode=True)
open(module.params["path"], "w").write(repr(dict(os.environ)))
module.exit_json(changed=True, msg="x" * 3_000_000)
"""


async def test_nothing_of_our_surroundings_gets_in(
    call: CallTool,
    tmp_path: Path,
    inventory: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No key of our environment reaches a module or the disk, no ansible.cfg counts, and huge answers are cut."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "spill.py").write_text(LIBRARY_MODULE)
    for place in (Path.cwd() / "ansible.cfg", tmp_path / ".ansible.cfg"):
        place.write_text("[defaults]\nlibrary = /nowhere\nstdout_callback = nosuch\ninventory = /nowhere\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2hunter2hunter2")
    monkeypatch.setenv("ANSIBLE_CONFIG", str(tmp_path / ".ansible.cfg"))
    monkeypatch.setenv("ANSIBLE_CHECK_MODE_MARKERS", "True")
    home = tmp_path / "ansible"
    client = AnsibleClient(inventory, home=home, library=[library], allowed_modules=DEFAULT_MODULES | {"spill"})
    kept: list[str] = []
    real = client.folders.run("spill").__class__.finish

    def finish(self: object, outcome: dict[str, object]) -> None:
        kept.extend(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file())
        real(self, outcome)  # type: ignore[arg-type]

    monkeypatch.setattr("tools.ansible.folders.RunFolder.finish", finish)
    playbook = f"- hosts: localhost\n  tasks:\n    - name: Spill\n      spill: {{path: '{folder}/env'}}\n"
    ran = await call(AnsibleTools(client), "ansible_run", playbook=playbook, title="x", effect="spill")
    assert ran.ok, ran.message
    seen = (folder / "env").read_text()
    assert "NARYAD_ANSIBLE_RUN" in seen
    assert "hunter2" not in seen
    assert "ANSIBLE_CHECK_MODE_MARKERS" not in seen
    assert kept
    assert not any("sk-hunter2" in text for text in kept)
    assert len(ran.model_dump_json()) < 5_000
    assert sum(len(text) for text in kept) < 200_000


async def test_the_interpreter_of_this_machine_is_ours(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """Modules on localhost run by the Python that runs Naryad."""
    playbook = f"""
- hosts: localhost
  gather_facts: true
  tasks:
    - name: Say
      ansible.builtin.copy:
        content: "{{{{ ansible_facts.python.executable }}}}"
        dest: "{folder}/python"
        mode: "0600"
"""
    ran = await call(ansible, "ansible_run", playbook=playbook, title="x")
    assert ran.ok, ran.message
    assert os.path.realpath((folder / "python").read_text()) == os.path.realpath(sys.executable)


async def test_a_file_that_may_hold_secrets_is_not_shown(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """A check, which nobody approves, does not become a way to read a secret file by its difference."""
    (folder / ".ssh").mkdir()
    (folder / ".ssh/config").write_text("Host inner.example\n")
    playbook = f"""
- hosts: localhost
  tasks:
    - name: Look through it
      ansible.builtin.copy: {{content: "", dest: "{folder}/.ss{{{{ 'h' }}}}/config", mode: "0600"}}
"""
    checked = await call(ansible, "ansible_check", playbook=playbook)
    assert checked.tasks[0].changed
    assert "inner.example" not in checked.model_dump_json()
    assert "not shown" in checked.tasks[0].diff


async def test_lint_findings_are_warnings(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """Where ansible-lint is installed its advice is shown and does not stop the playbook."""
    needs_package("ansiblelint")
    playbook = f"""
- hosts: localhost
  tasks:
    - name: Touch
      ansible.builtin.file: {{path: "{folder}/x", state: touch}}
"""
    checked = await call(ansible, "ansible_check", playbook=playbook)
    assert checked.ok, checked.errors
    assert any("risky-file-permissions" in warning for warning in checked.warnings)


async def test_a_refused_playbook_reaches_neither_ansible_nor_a_person(
    call: CallTool, ansible: AnsibleTools, client: AnsibleClient
) -> None:
    """Check answers with the reasons; preview, precondition and run fail with them; nothing is started."""
    evil = "- hosts: all\n  tasks:\n    - shell: id\n"
    checked = await call(ansible, "ansible_check", playbook=evil)
    assert not checked.ok
    assert "'shell'" in checked.errors[0]
    for refused in (
        ansible._preview(evil, "x", {}),
        ansible._fingerprint(evil, "x", {}),
        call(ansible, "ansible_run", playbook=evil, title="x"),
    ):
        with pytest.raises(ToolFailed, match="'shell'"):
            await refused
    assert not client.folders.home.exists()
