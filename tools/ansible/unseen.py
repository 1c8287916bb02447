"""What a check could not see: tasks that only a run reaches, and results that only a run gives."""

import re
from collections.abc import Iterator, Sequence, Set
from typing import Any

import yaml

from tools.ansible.modules import full_name
from tools.ansible.outcome import TaskOutcome
from tools.ansible.plays import tasks

_PLACE = "\0line"


def unreached(playbook: str, reached: Set[int]) -> list[str]:
    """Tasks that the check came past, and a run may make: after a failure, or on a change, that only it meets.

    Args:
        playbook: As it was written for Ansible.
        reached: Lines of the tasks that had an outcome.
    """
    return [_name(task) for line, task in _numbered(playbook) if line not in reached]


def guessed(playbook: str, seen: Sequence[TaskOutcome]) -> list[str]:
    """Tasks on whose result others depend, although it may be another in the run.

    They were not made, or they looked at a world in which earlier changes were only pretended.
    """
    uncertain: set[int] = set()
    unsettled: set[str] = set()
    for outcome in seen:
        if outcome.not_previewed or outcome.host in unsettled:
            uncertain.add(outcome.line)
        if outcome.not_previewed or outcome.changed:
            unsettled.add(outcome.host)
    read = ((line, task, str(task["register"])) for line, task in _numbered(playbook) if "register" in task)
    return [_name(task) for line, task, result in read if line in uncertain and _count(result, playbook) > 1]


def _count(name: str, playbook: str) -> int:
    return len(re.findall(rf"(?<![\w.]){re.escape(name)}(?!\w)", playbook))


def _name(task: dict[Any, Any]) -> str:
    return " ".join(str(task.get("name") or next(iter(task))).split())[:200]


def _numbered(playbook: str) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Each task that has an outcome, with the line where Ansible says that it stands."""
    for task in tasks(yaml.load(playbook, _Numbering)):  # noqa: S506  # a safe loader
        line = task.pop(_PLACE)
        if not any(full_name(str(key)) == "ansible.builtin.meta" for key in task):
            yield line, task


class _Numbering(yaml.SafeLoader):
    """Notes in each mapping where it begins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Read a mapping, its line among its keys."""
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made | {_PLACE: node.start_mark.line + 1}
