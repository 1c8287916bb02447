"""Which playbooks may run at all: every play, block and task is looked at before Ansible sees it."""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import yaml

from naryad.canonical import digest
from tools.ansible.expressions import Expressions
from tools.ansible.modules import EDITING, EXPRESSION_ARGUMENTS, META_ACTIONS, MODULES, argument_problems, full_name
from tools.ansible.plays import BLOCK_LISTS, TASK_LISTS, StrictLoader, defined_names, size_problem, strings, tasks

_CHARS = 64 * 1024
_ERRORS = 20

_CONDITIONS = ("when", "changed_when", "failed_when", "until")
_SWITCHES = ("become", "no_log")
_COMMON = frozenset(
    {"name", "vars", "become", "no_log", "tags", "any_errors_fatal", "ignore_errors", "ignore_unreachable", "throttle"}
)
_PLAY = _COMMON | {"hosts", "gather_facts", "serial", "max_fail_percentage", "order", "force_handlers", *TASK_LISTS}
_BLOCK = _COMMON | {"when", "run_once", "notify", "timeout", *BLOCK_LISTS}
_TASK = _COMMON | {
    "register", "loop", "loop_control", "notify", "listen", "retries", "delay", "run_once", "timeout",
    *_CONDITIONS,
}  # fmt: skip
_LOOP_CONTROL = frozenset({"loop_var", "index_var", "label", "pause", "extended"})

_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_OWN = re.compile(
    r"ansible_|vars$|hostvars$|groups$|inventory_|play_hosts$|playbook_dir$|role_|omit$|environment$", re.IGNORECASE
)
_HOSTS = re.compile(r"[A-Za-z0-9_.*:,&!\[\]-]{1,200}")
_HOSTS_VARIABLE = re.compile(r"\{\{ *([A-Za-z]\w*) *\}\}")


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook that passed.

    Attributes:
        text: What Ansible gets: written anew from what was looked at, so that both see the same.
        variables: The values given beside it.
        digest: Of both.
    """

    text: str
    variables: Mapping[str, str]
    digest: str


def review(
    text: str,
    variables: Mapping[str, str],
    modules: Set[str],
    inventory_names: Set[str],
    reserved: Set[str] = frozenset(),
) -> tuple[Playbook | None, list[str]]:
    """Look at a playbook.

    Args:
        text: The playbook as YAML.
        variables: Extra variables; plain text, never templates.
        modules: Full names of the modules that are allowed.
        inventory_names: Variables that the playbook may read from the inventory, and may not define.
        reserved: Further names that it may not define.

    Returns:
        The playbook, or None with the reasons why not.
    """
    if len(text) > _CHARS:
        return None, [f"the playbook is longer than {_CHARS} characters"]
    try:
        plays = yaml.load(text, StrictLoader)  # noqa: S506  # a safe loader
    except yaml.YAMLError as error:
        return None, [f"not valid YAML: {' '.join(str(error).split())}"]
    except (RecursionError, ValueError, TypeError) as error:  # too deep, a date such as 2020-99-99, a list as a key
        return None, [f"not valid YAML: {error}"]
    if problem := size_problem(plays):
        return None, [problem]
    if not isinstance(plays, list) or not plays:
        return None, ["a playbook is a list of plays"]
    reviewer = _Reviewer(plays, variables, modules, inventory_names, inventory_names | reserved)
    errors = list(dict.fromkeys(reviewer.errors()))
    if errors:
        return None, errors[:_ERRORS] + ([f"… and {len(errors) - _ERRORS} more"] if len(errors) > _ERRORS else [])
    written = yaml.dump(plays, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return Playbook(written, dict(variables), digest({"plays": written, "variables": dict(variables)})), []


def _edits(task: Mapping[Any, Any]) -> bool:
    """Whether its result holds a file's content; of a company's own module nobody knows."""
    names = [full_name(str(key)) for key in task if key not in _TASK]
    return any(name in EDITING or name not in MODULES for name in names)


class _Plain(yaml.SafeDumper):
    """Writes repeated values out, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class _Reviewer:
    def __init__(
        self,
        plays: list[Any],
        variables: Mapping[str, str],
        modules: Set[str],
        readable: Set[str],
        reserved: Set[str],
    ) -> None:
        self._plays, self._variables, self._modules, self._reserved = plays, variables, modules, reserved
        edits = {"ansible_failed_result"} | {
            str(task["register"]) for task in tasks(plays) if "register" in task and _edits(task)
        }
        self._expressions = Expressions({*variables, *readable, *defined_names(plays)}, edits)

    def errors(self) -> Iterator[str]:
        for name, value in self._variables.items():
            yield from self._name(f"variable {name!r}", name)
            if any(brace in value for brace in ("{{", "{%", "{#")):
                yield f"variable {name!r}: braces of a template are not allowed in a value"
        for number, play in enumerate(self._plays, 1):
            yield from self._play(f"play {number}", play)

    def _play(self, where: str, play: Any) -> Iterator[str]:
        if not isinstance(play, dict):
            yield f"{where}: a play is a mapping"
            return
        yield from self._keys(where, play, _PLAY)
        yield from self._hosts(where, play.get("hosts"))
        yield from self._keywords(where, play)
        for key in TASK_LISTS:
            yield from self._tasks(f"{where}, {key}", play.get(key) or [])

    def _hosts(self, where: str, hosts: Any) -> Iterator[str]:
        for pattern in hosts if isinstance(hosts, list) and hosts else [hosts]:
            named = _HOSTS_VARIABLE.fullmatch(pattern) if isinstance(pattern, str) else None
            value = self._variables.get(named[1], "") if named else pattern
            if not isinstance(value, str) or not _HOSTS.fullmatch(value):
                yield f"{where}: hosts must be a plain pattern, or one of the given variables"

    def _tasks(self, where: str, tasks: Any) -> Iterator[str]:
        if not isinstance(tasks, list):
            yield f"{where}: must be a list"
            return
        for number, task in enumerate(tasks, 1):
            named = task.get("name") if isinstance(task, dict) else None
            place = f"{where}, task {number}" + (f" «{str(named)[:60]}»" if named else "")
            if not isinstance(task, dict):
                yield f"{place}: a task is a mapping"
            elif any(key in task for key in BLOCK_LISTS):
                yield from self._keys(place, task, _BLOCK)
                yield from self._keywords(place, task)
                for key in BLOCK_LISTS:
                    yield from self._tasks(f"{place}, {key}", task.get(key) or [])
            else:
                yield from self._task(place, task)

    def _task(self, where: str, task: dict[Any, Any]) -> Iterator[str]:
        yield from self._keywords(where, {key: value for key, value in task.items() if key in _TASK})
        others = [key for key in task if key not in _TASK]
        if len(others) != 1:
            wrong = ", ".join(map(repr, others)) or "nothing"
            yield f"{where}: a task has exactly one module beside the allowed keywords; here: {wrong}"
            return
        module = full_name(str(others[0]))
        if module not in self._modules:
            yield f"{where}: {others[0]!r} is neither an allowed module nor an allowed keyword"
            return
        yield from self._arguments(where, module, task[others[0]])

    def _arguments(self, where: str, module: str, arguments: Any) -> Iterator[str]:
        if module == "ansible.builtin.meta":
            if arguments not in META_ACTIONS:
                yield f"{where}: meta may be {', '.join(sorted(META_ACTIONS))}"
            return
        if not isinstance(arguments, dict | None):
            yield f"{where}: write the arguments of the module as a mapping"
            return
        arguments = arguments or {}
        known = MODULES.get(module)
        for key, value in arguments.items():
            if module == "ansible.builtin.set_fact":
                yield from self._name(where, key) if key != "cacheable" else [f"{where}: 'cacheable' is not allowed"]
            elif known is not None and key not in known:
                yield f"{where}: the argument {key!r} is not allowed"
            yield from self._values(where, key)
            if (module, key) in EXPRESSION_ARGUMENTS:
                yield from self._condition(f"{where}: {key}", value)
            else:
                yield from self._values(f"{where}: {key}", value)
        yield from (f"{where}: {problem}" for problem in argument_problems(module, arguments))

    def _keys(self, where: str, mapping: dict[Any, Any], allowed: Set[str]) -> Iterator[str]:
        for key in mapping:
            if key not in allowed:
                yield f"{where}: {key!r} is not allowed"

    def _keywords(self, where: str, mapping: Mapping[Any, Any]) -> Iterator[str]:
        for key, value in mapping.items():
            place = f"{where}: {key}"
            if key in TASK_LISTS or key in BLOCK_LISTS or key == "hosts":
                continue
            if key in _CONDITIONS:
                yield from self._condition(place, value)
            elif key in _SWITCHES and not isinstance(value, bool):
                yield f"{place} must be true or false"
            elif key == "register":
                yield from self._name(place, value)
            elif key == "vars":
                yield from self._vars(place, value)
            elif key == "loop_control":
                yield from self._loop_control(place, value)
            else:
                yield from self._values(place, value)

    def _vars(self, where: str, mapping: Any) -> Iterator[str]:
        if not isinstance(mapping, dict):
            yield f"{where} must be a mapping"
            return
        for name, value in mapping.items():
            yield from self._name(where, name)
            yield from self._values(f"{where}.{name}", value)

    def _loop_control(self, where: str, mapping: Any) -> Iterator[str]:
        if not isinstance(mapping, dict):
            yield f"{where} must be a mapping"
            return
        yield from self._keys(where, mapping, _LOOP_CONTROL)
        for key in ("loop_var", "index_var"):
            if key in mapping:
                yield from self._name(where, mapping[key])
        yield from self._values(where, mapping)

    def _condition(self, where: str, value: Any) -> Iterator[str]:
        for condition in value if isinstance(value, list) else [value]:
            if isinstance(condition, str):
                yield from (f"{where} {problem}" for problem in self._expressions.in_expression(condition))
            elif not isinstance(condition, bool):
                yield f"{where} must be a condition"

    def _values(self, where: str, value: Any) -> Iterator[str]:
        for text in strings(value):
            yield from (f"{where} {problem}" for problem in self._expressions.in_template(text))

    def _name(self, where: str, name: Any) -> Iterator[str]:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name) or _OWN.match(name):
            yield f"{where}: {name!r} cannot be the name of a variable"
        elif name in self._reserved:
            yield f"{where}: {name!r} belongs to the inventory"
