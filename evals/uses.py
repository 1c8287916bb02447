"""Whether what a case says of calls can be true of any: a tool or an argument that is mistyped fits nothing."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from pydantic_core import to_json

from evals.fitting import WORDS, is_matcher
from naryad.i18n import _
from naryad.tooling import Tool


def fit(tool: Tool, args: Mapping[str, Any]) -> bool:
    """Whether a tool takes such arguments; it does not look at them as the gate does, but by the same model."""
    try:
        tool.arguments.model_validate_json(to_json(args))
    except ValueError:
        return False
    return True


def misuse(name: str, args: Mapping[str, Any], known: Mapping[str, Tool]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with a name or pattern of tools and arguments of theirs: the field, and why."""
    meant = [tool for known_name, tool in known.items() if fnmatchcase(known_name, name)]
    if not meant:
        near = ", ".join(get_close_matches(name, known)) or ", ".join(sorted(known))
        yield ("tool",), _("there is no tool {name!r}; there are {near}").format(name=name, near=near)
        return
    schemas = [tool.schema["function"]["parameters"] for tool in meant]
    for arg, value in args.items():
        parts = [(_part(schema, arg, schema), schema) for schema in schemas]
        takers = [(part, schema) for part, schema in parts if part is not None]
        if not takers:
            there = ", ".join(sorted({one for schema in schemas for one in schema.get("properties", {})}))
            yield ("args", arg), f"{name} has no such argument; there are {there}"
        elif not any(_can_be(value, part, schema) for part, schema in takers):
            yield (
                ("args", arg),
                f"{value!r} is no matcher, and it cannot be such a mapping; there are {', '.join(WORDS)}",
            )


def _can_be(value: Any, part: Any, schema: Mapping[str, Any]) -> bool:
    """Whether mappings in a value stand where there may be some, or are matchers."""
    if part is True or not isinstance(value, Mapping | list) or is_matcher(value):
        return True
    kinds = [_resolved(one, schema) for one in part.get("anyOf", [part])]
    if isinstance(value, list):
        lists = [kind.get("items", True) for kind in kinds if kind.get("type", "array") == "array"]
        return any(all(_can_be(item, items, schema) for item in value) for items in lists)
    return any(
        all((sub := _part(kind, key, schema)) is not None and _can_be(item, sub, schema) for key, item in value.items())
        for kind in kinds
        if kind.get("type", "object") == "object"
    )


def _part(kind: Mapping[str, Any], key: str, schema: Mapping[str, Any]) -> Any:
    """What a field of an object may be; None: it has no such field, True: anything."""
    found = kind.get("properties", {}).get(key, kind.get("additionalProperties", True))
    return None if found is False else found if found is True else _resolved(found, schema)


def _resolved(kind: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema["$defs"][kind["$ref"].rpartition("/")[2]] if "$ref" in kind else kind
