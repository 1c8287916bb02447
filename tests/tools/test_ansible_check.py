"""Real checks on this machine: what would change, what cannot be told, what may not be shown."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from naryad.errors import ToolFailed
from tests.needs import needs_package
from tests.tools.ansible_playbooks import FAILS, WRITE
from tests.tools.conftest import CallTool
from tools.ansible.allowlist import Playbook
from tools.ansible.client import AnsibleClient, Execution
from tools.ansible.tools import AnsibleTools

pytestmark = pytest.mark.slow


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


async def test_what_check_mode_cannot_preview_is_named(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """A module without check mode, and a failure that only follows from it, are warnings, not silence."""
    checked = await call(ansible, "ansible_check", playbook=FAILS, variables={"folder": str(folder)})
    assert checked.ok
    assert checked.skipped_in_check == ["Looks"]
    assert any("Breaks" in warning for warning in checked.warnings)
    text = await ansible._preview(FAILS, "x", {"folder": str(folder)})
    assert "? Looks (ansible.builtin.uri)" in text


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


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
async def test_a_template_cannot_eat_the_machine(call: CallTool, ansible: AnsibleTools) -> None:
    """A check, which nobody approves, has a limit of memory: the task fails and the machine lives."""
    playbook = """
- hosts: localhost
  vars: {x: "{{ 'x' * 100000000 }}"}
  tasks:
    - name: Grow
      ansible.builtin.debug: {msg: "{{ (x * 100) | length }}"}
"""
    checked = await call(ansible, "ansible_check", playbook=playbook)
    assert not checked.ok
    assert checked.tasks[0].failed
