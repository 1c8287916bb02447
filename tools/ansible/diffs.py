"""What Ansible says a task changes: made readable for people, and stable for a fingerprint."""

import difflib
import json
from collections.abc import Iterator
from typing import Any

from naryad import masking
from tools.secret_places import may_be_secret

_DIFF_CHARS = 2_000
_SIDE_CHARS = 120_000
_PASSING = frozenset({"atime", "mtime", "ctime"})
"""Attributes that differ in every check of `state: touch`."""


class Diffs:
    """Reads the `diff` of results.

    Args:
        hidden: Folders whose files are never shown: Naryad's own.
    """

    def __init__(self, hidden: list[str]) -> None:
        self._hidden = hidden

    def readable(self, result: dict[str, Any]) -> str:
        """All the diffs of one result as a unified diff: secrets masked, cut at a length that people read."""
        text = "\n".join(filter(None, (self._one(diff) for diff in _diffs(result))))
        text = masking.secrets(text[: 2 * _DIFF_CHARS])
        return text if len(text) <= _DIFF_CHARS else text[:_DIFF_CHARS] + "\n… (cut)"

    def stable(self, result: dict[str, Any]) -> list[Any]:
        """The same as data, without what differs from check to check."""
        return [{key: _without_times(value) for key, value in diff.items()} for diff in _diffs(result)]

    def _one(self, diff: dict[str, Any]) -> str:
        if prepared := diff.get("prepared"):
            return str(prepared)
        before, after = (_without_times(diff.get(side, "")) for side in ("before", "after"))
        if before == after:
            return ""
        names = [str(diff.get(f"{side}_header") or side) for side in ("before", "after")]
        if any(self._is_secret(name) for name in [*names, *_paths(diff)]):
            return f"{names[-1]}: changes; the content is not shown, for it may be secret"
        if isinstance(before, dict) and isinstance(after, dict):
            return "\n".join(_attributes(before, after))
        old, new = _text(before).splitlines(), _text(after).splitlines()
        return "\n".join(difflib.unified_diff(old, new, names[0], names[1], n=2, lineterm=""))

    def _is_secret(self, path: str) -> bool:
        return may_be_secret(path) or any(folder in path for folder in self._hidden)


def _diffs(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The diffs of a task, or of each of its loop's items."""
    for one in [result, *(item for item in result.get("results") or [] if isinstance(item, dict))]:
        found = one.get("diff")
        yield from (diff for diff in (found if isinstance(found, list) else [found]) if isinstance(diff, dict) and diff)


def _paths(diff: dict[str, Any]) -> Iterator[str]:
    for side in (diff.get("before"), diff.get("after")):
        if isinstance(side, dict):
            yield str(side.get("path", ""))


def _attributes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """`/var/log/app: state: absent → directory`: modes, owners and states are no text."""
    path = after.get("path") or before.get("path") or ""
    for key in sorted({*before, *after} - {"path"}):
        if before.get(key) != after.get(key):
            old, new = (_text(side.get(key)) for side in (before, after))
            yield f"{path}: {key}: {old} → {new}" if path else f"{key}: {old} → {new}"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    return text[:_SIDE_CHARS]


def _without_times(value: Any) -> Any:
    return {key: item for key, item in value.items() if key not in _PASSING} if isinstance(value, dict) else value
