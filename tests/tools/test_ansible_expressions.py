"""No expression of a playbook reads what it must not, wherever it stands."""

import pytest
import yaml

from tests.tools.test_ansible_allowlist import look, play

TEMPLATES = [
    "{{ lookup('pipe', 'id') }}",
    "{{ query('file', '/etc/passwd') }}",
    "{{ q('env', 'HOME') }}",
    "{% set x = lookup('pipe', 'id') %}{{ x }}",
    "{{ x | default(lookup('pipe', 'id')) }}",
    "{{ [1] | map('lookup') | list }}",
    "{{ ['/etc/*'] | map('fileglob') | list }}",
    "{{ '/etc/passwd' is file }}",
    "{{ ['/etc/passwd'] | select('exists') | list }}",
    "{{ [{'a': '/etc'}] | selectattr('a', 'exists') | list }}",
    "{{ '/etc/*' | fileglob }}",
    "{{ '$SECRET' | expandvars }}",
    "{{ hostvars }}",
    "{{ vars['ansible_password'] }}",
    "{{ groups }}",
    "{{ ansible_password }}",
    "{{ db_password }}",
    "{{ ansible_env.SECRET }}",
    "{{ ansible_facts.env }}",
    "{{ ansible_facts['env'] }}",
    "{{ ansible_facts }}",
    "{{ ansible_facts | dict2items }}",
    "{{ ansible_facts[item] }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ self }}",
    "{{ lipsum() }}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}",
    "{% macro x() %}{% endmacro %}",
    "{{ unclosed",
    "#jinja2: variable_start_string:'[['\n[[ lookup('pipe', 'id') ]]",
]
PLACES = {
    "an argument": "- debug: {{msg: {0}}}",
    "a deep argument": "- debug: {{msg: [{{a: {0}}}]}}",
    "a name": "- name: {0}\n  debug: {{msg: x}}",
    "a variable": "- debug: {{msg: x}}\n  vars: {{y: {0}}}",
    "a loop": "- debug: {{msg: x}}\n  loop: [{0}]",
    "a label": "- debug: {{msg: x}}\n  loop: [1]\n  loop_control: {{label: {0}}}",
    "a handler's name": "- debug: {{msg: x}}\n  notify: {0}",
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_template_reads_what_it_must_not(template: str) -> None:
    """Lookups, the controller's files, other hosts' variables and Python's insides are out of reach everywhere."""
    quoted = yaml.safe_dump(template, width=1000, default_style='"').strip()
    for place, task in PLACES.items():
        playbook, errors = look(play(task.format(quoted)))
        assert playbook is None, place
        assert errors


@pytest.mark.parametrize(
    "condition",
    [
        "lookup('pipe', 'id')",
        "'/etc/passwd' is file",
        "hostvars.x.y",
        "x }} {{ lookup('pipe', 'id')",
        "{{ true }}",
        "true or",
    ],
)
@pytest.mark.parametrize(
    "task",
    [
        "- debug: {{msg: x}}\n  when: {0}",
        "- debug: {{msg: x}}\n  when: [true, {0}]",
        "- debug: {{msg: x}}\n  until: {0}",
        "- debug: {{msg: x}}\n  changed_when: {0}",
        "- debug: {{msg: x}}\n  failed_when: {0}",
        "- assert: {{that: {0}}}",
        "- assert: {{that: [{0}]}}",
        "- debug: {{var: {0}}}",
        "- block: [{{debug: {{msg: x}}}}]\n  when: {0}",
    ],
)
def test_conditions_are_looked_at_without_braces(condition: str, task: str) -> None:
    """Ansible evaluates conditions as they stand, and so does the list."""
    playbook, _ = look(play(task.format(yaml.safe_dump(condition, width=1000, default_style='"').strip())))
    assert playbook is None
