"""Whether a value is what was expected: the same, or what a matcher in its place allows."""

import re
from collections.abc import Callable, Mapping
from typing import Any


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_MATCHERS: dict[str, Callable[[Any, Any], bool]] = {
    "matches": lambda wanted, given: isinstance(given, str) and re.search(wanted, given) is not None,
    "contains": lambda wanted, given: isinstance(given, str) and wanted.lower() in given.lower(),
    "at_least": lambda wanted, given: _number(given) and given >= wanted,
    "at_most": lambda wanted, given: _number(given) and given <= wanted,
    "one_of": lambda wanted, given: given in wanted,
    "any": lambda _wanted, given: given is not None,
}
"""A mapping of one of these words stands for what it allows."""


def fits(wanted: Any, given: Any) -> bool:
    """Whether a value fits; of a mapping what is named must fit, of a list all of it."""
    if isinstance(wanted, Mapping):
        if len(wanted) == 1 and (word := next(iter(wanted))) in _MATCHERS:
            return bool(_MATCHERS[word](wanted[word], given))
        return isinstance(given, Mapping) and all(key in given and fits(wanted[key], given[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(given, list) and len(wanted) == len(given) and all(map(fits, wanted, given))
    return bool(wanted == given and isinstance(wanted, bool) == isinstance(given, bool))


def stands(wanted: str, text: str) -> bool:
    """Whether a text holds another, whatever the case of its letters; `/…/` is a regular expression."""
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        return re.search(wanted[1:-1], text, re.IGNORECASE) is not None
    return wanted.lower() in text.lower()


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """A value of a case with the world's own names in it: `${web}` is the address of the shop's front."""
    if isinstance(value, str):
        return re.sub(r"\$\{([\w.]+)\}", lambda place: names.get(place[1], place[0]), value)
    if isinstance(value, Mapping):
        return {key: filled(item, names) for key, item in value.items()}
    return [filled(item, names) for item in value] if isinstance(value, list) else value
