"""Prompts: Markdown files with a front matter, outside the code."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import naryad
from naryad import yaml_model
from naryad.errors import ConfigError

_PLACE = re.compile(r"{{\s*(\w+)\s*}}")
_FRONT = re.compile(r"\A---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)


class _Front(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(min_length=1)
    version: int = Field(ge=1)
    variables: list[str] = []


class Prompt(BaseModel):
    """One prompt file.

    Attributes:
        id: Its name across versions, for example `ops.system`.
        version: Raised by whoever changes the text; recorded with the answers it led to.
        variables: What `render` must be given.
        text: The text with `{{ name }}` where a variable goes.
        source: The file.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    version: int
    variables: tuple[str, ...]
    text: str
    source: Path

    @property
    def ref(self) -> str:
        """The prompt with its version, for records."""
        return f"{self.id}@{self.version}"

    def render(self, **variables: object) -> str:
        """Fill the variables in; what stands inside a value is never filled in again.

        Raises:
            ConfigError: A variable is missing or unknown.
        """
        if missing := set(self.variables) - set(variables):
            raise ConfigError(f"needs the variables {_listed(missing)}", source=self.source)
        if unknown := set(variables) - set(self.variables):
            raise ConfigError(f"has no variables {_listed(unknown)}", source=self.source)
        return _PLACE.sub(lambda match: str(variables[match.group(1)]), self.text)


def folder() -> Path:
    """Where the prompts are installed: beside the package."""
    return Path(naryad.__file__).parents[1] / "prompts"


def load(agent: str, name: str, *, root: Path | None = None) -> Prompt:
    """Read `prompts/<agent>/<name>.md`.

    Args:
        agent: The folder.
        name: The file, without its suffix.
        root: Another folder of prompts.

    Raises:
        ConfigError: The file is absent, its front matter is wrong, or its text uses other variables than declared.
    """
    source = (root or folder()) / agent / f"{name}.md"
    try:
        content = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({type(error).__name__})", source=source) from error
    parts = _FRONT.match(content)
    if parts is None:
        raise ConfigError("must begin with a front matter between two lines of ---", source=source, line=1)
    front = yaml_model.parse("\n" + parts.group(1), _Front, source=source)
    text = content[parts.end() :].strip()
    if odd := set(_PLACE.findall(text)) ^ set(front.variables):
        raise ConfigError(f"{_listed(odd)}: the text and the declaration differ", source=source, field="variables")
    return Prompt(id=front.id, version=front.version, variables=tuple(front.variables), text=text, source=source)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
