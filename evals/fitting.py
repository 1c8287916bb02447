"""Whether a value is what was expected: the same, or what a matcher in its place allows."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
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
"""A mapping of these words stands for what all of them allow."""
WORDS = tuple(_MATCHERS)


def _regex(pattern: Any) -> bool:
    if not isinstance(pattern, str):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


_OPERANDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "matches": (_regex, "a regular expression"),
    "contains": (lambda text: isinstance(text, str) and text != "", "a text"),
    "at_least": (_number, "a number"),
    "at_most": (_number, "a number"),
    "one_of": (lambda values: isinstance(values, list) and values != [], "a list"),
    "any": (lambda yes: yes is True, "true"),
}


def is_matcher(wanted: Any) -> bool:
    """Whether a value stands for others."""
    return isinstance(wanted, Mapping) and bool(wanted) and wanted.keys() <= _MATCHERS.keys()


def misfits(wanted: Any, place: str = "") -> Iterator[str]:
    """What is wrong with the matchers of a value, each with its place in it."""
    if isinstance(wanted, list):
        yield from chain.from_iterable(misfits(item, f"{place}.{at}") for at, item in enumerate(wanted))
    elif is_matcher(wanted):
        for word, operand in wanted.items():
            takes, what = _OPERANDS[word]
            if not takes(operand):
                yield f"{place}.{word} is {operand!r}, and should be {what}".lstrip(".")
    elif isinstance(wanted, Mapping):
        if place and (words := sorted(wanted.keys() & _MATCHERS.keys())):  # an argument may be called like a word
            yield f"{place} has {', '.join(words)} beside what is no matcher".lstrip(".")
        yield from chain.from_iterable(misfits(item, f"{place}.{key}") for key, item in wanted.items())


def example(wanted: Any) -> Any:
    """A value that fits; None where a regular expression is too complex to tell one."""
    if is_matcher(wanted):
        told = [wanted[word] for word in wanted if word != "one_of"]
        told += [text.strip("^$").replace("\\", "") for text in told if isinstance(text, str)]
        return next((one for one in [*wanted.get("one_of", []), *told] if fits(wanted, one)), None)
    if isinstance(wanted, Mapping):
        return {key: example(item) for key, item in wanted.items()}
    return [example(item) for item in wanted] if isinstance(wanted, list) else wanted


def fits(wanted: Any, given: Any) -> bool:
    """Whether a value fits; of a mapping what is named must fit, of a list all of it."""
    if isinstance(wanted, Mapping):
        if is_matcher(wanted):
            return all(_MATCHERS[word](wanted[word], given) for word in wanted)
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
    """A value with the world's own names in it: `${web}` is an address of the shop, `${port.web|int}` a number."""
    if isinstance(value, str):
        if (number := re.fullmatch(r"\$\{([\w.]+)\|int\}", value)) and number[1] in names:
            return int(names[number[1]])
        return re.sub(r"\$\{([\w.]+)\}", lambda place: names.get(place[1], place[0]), value)
    if isinstance(value, Mapping):
        return {key: filled(item, names) for key, item in value.items()}
    return [filled(item, names) for item in value] if isinstance(value, list) else value
