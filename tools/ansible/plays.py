"""A playbook as plain data: its size, its strings, and the variables it defines."""

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import ConstructorError

TASK_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers")
BLOCK_LISTS = ("block", "rescue", "always")
_NODES = 5_000
_DEPTH = 30
_VARIABLE_NAMES = ("register", "loop_var", "index_var")
_VARIABLE_MAPPINGS = ("vars", "set_fact", "ansible.builtin.set_fact", "ansible.legacy.set_fact")


def size_problem(value: Any) -> str | None:
    """Why the data is too large, too deep or not plain; repeated values of YAML count every time."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    for _ in range(_NODES):
        if not pending:
            return None
        node, depth = pending.pop()
        if depth > _DEPTH:
            return "the playbook is nested too deeply"
        if isinstance(node, dict | list):
            children = [*node.keys(), *node.values()] if isinstance(node, dict) else node
            pending.extend((child, depth + 1) for child in children)
        elif not isinstance(node, str | int | float | bool | None):
            return f"write {str(node)[:60]!r} in quotes"
    return "the playbook is too large"


def strings(value: Any) -> Iterator[str]:
    """Every string of the data, names of keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def defined_names(value: Any) -> Iterator[str]:
    """Names of the variables that plays, tasks and their results define."""
    if isinstance(value, list):
        for item in value:
            yield from defined_names(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _VARIABLE_NAMES and isinstance(item, str):
                yield item
            elif key in _VARIABLE_MAPPINGS and isinstance(item, dict):
                yield from (str(name) for name in item)
            else:
                yield from defined_names(item)


def tasks(value: Any) -> Iterator[dict[Any, Any]]:
    """Every task of the plays, those inside blocks too."""
    if isinstance(value, list):
        for item in value:
            yield from tasks(item)
    elif isinstance(value, dict):
        lists = [value[key] for key in (*TASK_LISTS, *BLOCK_LISTS) if key in value]
        if lists:
            yield from tasks(lists)
        elif "hosts" not in value:
            yield value


class StrictLoader(yaml.SafeLoader):
    """Reads YAML that means what it looks like: no key twice, nothing repeated by reference or merged in."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ConstructorError(None, None, "write it out: an alias hides what it stands for", mark)
        found: yaml.Node | None = super().compose_node(parent, index)
        return found

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse doubled and merged keys."""
        seen: set[str] = set()
        for key, _value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise ConstructorError(None, None, "write it out: a merge hides what it brings", key.start_mark)
            name = str(key.value)
            if name in seen:
                raise ConstructorError(None, None, f"the key {name[:60]!r} stands here twice", key.start_mark)
            seen.add(name)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made
