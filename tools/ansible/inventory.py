"""What an inventory computes: names that a playbook must not give other values."""

import re
from collections.abc import Iterator
from pathlib import Path

_FILES = 500
_FILE_BYTES = 1024 * 1024
_TEMPLATE = re.compile(r"\{[{%](.*?)[}%]\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")


def computed_from(inventory: Path) -> frozenset[str]:
    """Names inside the templates of an inventory and of the variables beside it.

    `ansible_ssh_common_args: "-J {{ jump_host }}"` makes `jump_host` as powerful as the argument itself, and
    a playbook's own `jump_host` would win over the inventory's.
    """
    names: set[str] = set()
    for path in _files(inventory):
        text = path.read_bytes()[:_FILE_BYTES].decode(errors="replace")
        for template in _TEMPLATE.findall(text):
            names.update(_NAME.findall(template))
    return frozenset(names)


def _files(inventory: Path) -> Iterator[Path]:
    if inventory.is_file():
        yield inventory
    places = [inventory] if inventory.is_dir() else []
    places += [inventory.parent / name for name in ("group_vars", "host_vars")]
    found = (path for place in places if place.is_dir() for path in sorted(place.rglob("*")) if path.is_file())
    for number, path in enumerate(found):
        if number < _FILES:
            yield path
