"""A document: what is written about it, and its text as Markdown."""

import hashlib
import os
import re
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from knowledge_base import analysis
from knowledge_base.extract import SUFFIXES, extract
from knowledge_base.settings import KnowledgeSettings
from naryad import yaml_model
from naryad.db.types import storable
from naryad.errors import ConfigError, NaryadError
from naryad.i18n import _

Lang = Literal["ru", "en"]
Kind = Literal["service", "faq", "case", "price", "policy", "script", "runbook", "howto"]
Reader = Literal["everyone", "user", "manager", "moderator", "operator", "admin"]
KINDS: tuple[str, ...] = get_args(Kind)
READERS: tuple[str, ...] = get_args(Reader)
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.{0,10000}?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
EVERYONE = "everyone"
ID = r"^[a-z0-9][a-z0-9-]{0,79}$"


class Unreadable(NaryadError):
    """A document that cannot be taken in; the message says why, and nothing was changed."""


class About(BaseModel):
    """A document's front matter.

    Attributes:
        audience: Who may read it: names of roles, or `everyone`.
        valid_until: The last day on which it is answered from.
        owner: Who keeps it up to date.
        asked: Other words in which people ask for it; they help to find it and are never shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=ID)
    title: str = Field(min_length=1, max_length=300)
    kind: Kind = "faq"
    audience: tuple[Reader, ...] = ("everyone",)
    valid_from: date | None = None
    valid_until: date | None = None
    owner: str = Field("", max_length=200)
    asked: tuple[Annotated[str, Field(max_length=300)], ...] = Field((), max_length=50)

    @model_validator(mode="before")
    @classmethod
    def _one_reader_is_a_list(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("audience"), str):
            return {**data, "audience": [data["audience"]]}
        return data

    @model_validator(mode="after")
    def _fits(self) -> "About":
        if not self.audience:
            raise ValueError("audience is empty: nobody could read it")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until is before valid_from")
        return self


def may_read(audience: Collection[str], reader: Collection[str]) -> bool:
    """Whether a document for `audience` is for somebody who is all of `reader`."""
    return EVERYONE in audience or not set(audience).isdisjoint(reader)


class Document(BaseModel):
    """A document in one language."""

    model_config = ConfigDict(frozen=True)

    about: About
    lang: Lang
    text: str
    source: str = ""

    @property
    def digest(self) -> str:
        """What changes when anything about the document does."""
        return hashlib.sha256(f"{self.about.model_dump_json()}\n{self.text}".encode()).hexdigest()


def read(
    path: Path, settings: KnowledgeSettings, *, lang: str = "", defaults: dict[str, Any] | None = None
) -> Document:
    """Read one file of any known format.

    What is written about it stands in its front matter or in `<file>.yaml` beside it; where neither does, the id is
    the file's name, the title its first heading and the language that of its text.

    Args:
        path: The file.
        settings: Limits.
        lang: The language, where known.
        defaults: Front matter for what the document does not say.

    Raises:
        Unreadable: It cannot be taken in; names the file and why.
    """
    about_it = beside(path)
    try:
        text = extract(path, settings)
        about: About | None = yaml_model.load(about_it, About) if about_it.exists() else None
        if about is None and (front := _FRONT.match(text)):
            about = yaml_model.parse(front[1], About, source=path)
            text = text[front.end() :]
    except ConfigError as error:
        raise Unreadable(error.message) from error
    except NaryadError as error:
        raise Unreadable(f"{path.name}: {error.message}") from error
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not text:
        raise Unreadable(_("{name}: there is no text in it (a scan must be recognised first)").format(name=path.name))
    heading = re.search(r"^#+[ \t]+(.+)$", text, re.MULTILINE)
    guessed = {"id": _slug(path.stem), "title": (heading[1].strip() if heading else storable(path.stem))[:300]}
    said = about.model_dump(exclude_unset=True) if about else {}
    try:
        about = About.model_validate({**guessed, **(defaults or {}), **said})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Unreadable(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    known = lang if lang in ("ru", "en") else analysis.language(text)
    return Document(about=about, lang=known, text=text, source=storable(str(path)))


def beside(path: Path) -> Path:
    """Where something may be written about a file that has no room for it."""
    return path.with_name(f"{path.name}.yaml")


def files(folder: Path) -> list[tuple[Path, str]]:
    """Every document below a folder with its language, which the first folder of its path tells.

    Links are not followed: they could lead out of the folder.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
            first = path.relative_to(folder).parts[0]
            found.append((path, first if first in ("ru", "en") else ""))
    return found


def _slug(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return plain or f"document-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"
