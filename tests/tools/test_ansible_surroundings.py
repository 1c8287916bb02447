"""What reaches a run from outside: the environment, the inventory, hosts that are not there."""

import os
import sys
from pathlib import Path

import pytest

from naryad.errors import ToolFailed
from naryad.tooling import Settled
from tests.tools.ansible_playbooks import WRITE
from tests.tools.conftest import CallTool
from tools.ansible.client import AnsibleClient
from tools.ansible.modules import DEFAULT_MODULES
from tools.ansible.results import RunResult
from tools.ansible.tools import AnsibleTools

pytestmark = pytest.mark.slow


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
    with pytest.raises(ToolFailed, match="far") as failure:
        await call(AnsibleTools(client), "ansible_run", playbook=playbook, title="x")
    ran = failure.value.data
    assert isinstance(ran, RunResult)
    assert (ran.ok, ran.unreachable) == (False, ["far"])
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
