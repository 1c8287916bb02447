"""A preview tells all that may happen: a playbook cannot behave in its check and do otherwise in its run."""

from pathlib import Path

import pytest

from naryad.gate.answer import DATA_LIMIT
from naryad.i18n import speaking
from tests.tools.conftest import CallTool
from tests.tools.test_ansible_allowlist import look, play
from tools.ansible.outcome import TaskOutcome
from tools.ansible.plays import tasks
from tools.ansible.preview import preview
from tools.ansible.results import CheckResult, shortened
from tools.ansible.tools import AnsibleTools
from tools.ansible.unseen import guessed, unreached

TELLS = {
    "the mode": "- debug: {msg: x}\n  when: not ansible_check_mode",
    "the mode in an argument": "- file: {path: \"/tmp/{{ 'a' if ansible_check_mode else 'b' }}\", state: absent}",
    "the time": "- debug: {msg: x}\n  when: ansible_facts.date_time.epoch | int > 5",
    "the time by its old name": "- debug: {msg: x}\n  when: ansible_facts['ansible_date_time'].hour == '3'",
    "a task for the check only": "- copy: {content: x, dest: /tmp/x}\n  check_mode: true",
    "a block for the check only": "- block: [{debug: {msg: x}}]\n  check_mode: true",
}


@pytest.mark.parametrize("task", TELLS.values(), ids=TELLS.keys())
def test_a_playbook_cannot_tell_a_check_from_a_run(task: str) -> None:
    """What a check and a run may see differently is not for a playbook to read."""
    playbook, errors = look(play(task))
    assert (playbook, bool(errors)) == (None, True)


READS = ["{{ r }}", "{{ r.diff }}", "{{ r['diff'][0].before }}", "{{ r | to_json }}", "{{ r.results }}", "{{ [r] }}"]


@pytest.mark.parametrize("read", [*READS, "{% for x in r %}{{ x }}{% endfor %}"])
@pytest.mark.parametrize("module", ["replace: {path: /x, regexp: a}", "ansible.builtin.copy: {content: x, dest: /x}"])
def test_the_result_of_an_edit_gives_no_file_away(read: str, module: str) -> None:
    """Its difference is the whole file: a message made of it would reach the model from a check nobody approved."""
    _playbook, errors = look(play(f'- {module}\n  register: r\n- fail: {{msg: "{read}"}}'))
    assert any("'r'" in error for error in errors)


def test_whether_an_edit_changed_something_may_be_read() -> None:
    """Handlers and conditions live on it; so do the results of tasks that only look."""
    playbook, errors = look(
        play(
            "- copy: {content: x, dest: /x}\n  register: r\n"
            "- debug: {msg: '{{ r.changed }} {{ r.msg }}'}\n  when: r is changed and not r.failed\n"
            "- stat: {path: /x}\n  register: s\n- debug: {msg: '{{ s }}'}"
        )
    )
    assert (errors, playbook is None) == ([], False)


TWOFOLD = {
    "a key twice": "- copy: {content: x, dest: /tmp/x}\n  when: false\n  when: true",
    "an argument twice": "- copy: {content: x, dest: /tmp/harmless, dest: /etc/passwd}",
    "an alias": "- copy: &a {content: x, dest: /tmp/x}\n- copy: *a",
    "a merge": "- copy: {<<: {content: x}, dest: /tmp/x}",
}


@pytest.mark.parametrize("task", TWOFOLD.values(), ids=TWOFOLD.keys())
def test_a_playbook_means_what_it_looks_like(task: str) -> None:
    """A person reads the first of two keys, Ansible takes the last."""
    playbook, errors = look(play(task))
    assert playbook is None
    assert "not valid YAML" in errors[0]


HIDING = """
- hosts: localhost
  tasks:
    - block:
        - name: Fails in the run only
          ansible.builtin.wait_for: {path: "{{ folder }}/none", timeout: 1}
          register: asked
      rescue:
        - name: After a failure
          ansible.builtin.file: {path: "{{ folder }}/one", state: touch, mode: "0600"}
    - name: After an answer
      ansible.builtin.file: {path: "{{ folder }}/two", state: touch, mode: "0600"}
      when: asked is not skipped
    - name: "Quiet\\n  = 99 tasks would change nothing"
      ansible.builtin.debug: {msg: "x"}
      when: false
"""


@pytest.mark.slow
async def test_what_a_check_does_not_reach_is_named(call: CallTool, ansible: AnsibleTools, folder: Path) -> None:
    """Tasks behind a failure, a condition or a guessed result are shown to the person, each in one line."""
    variables = {"folder": str(folder)}
    with speaking("en"):
        lines = (await ansible._preview(HIDING, "x", variables)).splitlines()
    assert any("not reached" in line and "After a failure" in line for line in lines)
    assert any("skipped" in line and "After an answer" in line for line in lines)
    assert any("later tasks depend on it" in line and "Fails in the run only" in line for line in lines)
    assert not any(line.strip().startswith("= 99") for line in lines)
    checked = await call(ansible, "ansible_check", playbook=HIDING, variables=variables)
    assert (checked.unreached, checked.guessed) == (["After a failure"], ["Fails in the run only"])


ORDINARY = """\
- hosts: all
  tasks:
  - name: Look
    stat: {path: /x}
    register: found
  - name: Change
    copy: {content: x, dest: /x}
    register: made
    when: found.stat.exists
  - meta: flush_handlers
  - name: Look again
    stat: {path: /x}
    register: later
  - debug: {msg: "{{ later.stat }}"}
"""


def outcome(line: int, **flags: bool) -> TaskOutcome:
    return TaskOutcome(host="a", task="t", module="m", line=line, **flags)


def test_results_before_any_change_are_no_guess() -> None:
    """A runbook that looks first and then changes gets no warning; a look after a change does."""
    assert len(list(tasks([{"hosts": "all", "tasks": [{"block": [{"a": 1}]}, {"b": 1}]}]))) == 2
    seen = [outcome(3), outcome(6, changed=True), outcome(11), outcome(14)]
    assert guessed(ORDINARY, seen) == ["Look again"]
    assert unreached(ORDINARY, {3, 6, 11, 14}) == []
    assert unreached(ORDINARY, {3, 6, 11}) == ["debug"]


def test_no_difference_hides_a_change_behind_it() -> None:
    """However long the differences before it are, every change is named."""
    long = [TaskOutcome(host="a", task=f"T{n}", module="m", changed=True, diff="x\n" * 1000) for n in range(50)]
    text = preview(CheckResult(ok=True, tasks=long))
    assert all(f"T{number} " in text for number in range(50))
    assert len(text) < 60_000


def test_a_long_result_reaches_code_all_the_same() -> None:
    """Beyond the gate's limit a result would have no data: the outcomes of three hundred tasks are shortened."""
    words = {"task": "t" * 200, "message": "m" * 500, "diff": "d" * 2000}
    many = [TaskOutcome(host="h" * 60, module="m", changed=True, **words) for _ in range(300)]
    short = shortened(CheckResult(ok=True, tasks=many))
    assert len(short.model_dump_json()) < DATA_LIMIT
    assert (len(short.tasks) + short.omitted, short.tasks[0]) == (300, many[0])
