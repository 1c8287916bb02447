"""YAML files that people write, read into Pydantic models; an error names file, line and field."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from naryad import faults
from naryad.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
_MOST_MISFITS = 10


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """A safe loader on libyaml's parser, seven times as quick; libyaml's own composer crashes on a deep `[[[[…`."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


def load(path: Path, model: type[M]) -> M:
    """Read one YAML document.

    Raises:
        ConfigError: The file is absent, is not YAML, or does not fit `model`; each misfit
            is told with its line and dotted field, up to ten.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("no such file", source=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read as UTF-8 text ({error})", source=path) from error
    return parse(text, model, source=path)


def parse(text: str, model: type[M], *, source: Path | str) -> M:
    """Read one YAML document from a string; `source` is the name that errors show."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        _refuse_repeated_keys(root, source, set())
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = min(error.problem_mark.line, text.count("\n")) + 1 if error.problem_mark else None
        raise ConfigError(f"not valid YAML: {error.problem}", source=source, line=line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # 2026-13-45 is a ValueError, [[[[… a RecursionError
        raise ConfigError(f"not valid YAML: {error}", source=source) from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        misfits = [
            (_line(root, misfit["loc"]), ".".join(map(str, misfit["loc"])), faults.explained(misfit))
            for misfit in error.errors(include_url=False)[:_MOST_MISFITS]
        ]
        (first, field, message), *others = misfits
        more = "".join(f"; line {at}: {name}: {wrong}" for at, name, wrong in others)
        raise ConfigError(message + more, source=source, line=first, field=field) from error


def line(path: Path, loc: tuple[int | str, ...]) -> int | None:
    """The line of a field of a file that was read before: for what only its reader can find wrong."""
    return _line(_Loader(path.read_text(encoding="utf-8")).get_single_node(), loc)


def _refuse_repeated_keys(node: yaml.Node | None, source: Path | str, known: set[int]) -> None:
    """YAML would quietly take the last: `action: deny` and, further down, `action: allow`.

    What an alias stands for is looked at once: aliases of aliases would take for ever.
    """
    if id(node) in known:
        return
    known.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                message = "said twice in the same place"
                raise ConfigError(message, source=source, line=key.start_mark.line + 1, field=str(key.value))
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            _refuse_repeated_keys(value, source, known)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, source, known)


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int | None:
    """Line of the deepest node that the location still names."""
    line = node.start_mark.line + 1 if node else None
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
