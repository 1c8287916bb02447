"""Finds the texts to translate in the code, and keeps the catalogues up to date: `make messages`.

A text is a literal given to `_`, `N_` or `ngettext`, the `confirm` question of a tool, or a state of something shown.
It needs Babel, which users of the product do not need.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from naryad.i18n import CATALOGUES, LANGUAGES

ROOT = CATALOGUES.parent.parent
PACKAGES = ("naryad", "knowledge_base", "tools", "graphs", "agents", "server", "bot", "evals", "cli", "lab")

SHOWN = ("ApprovalStatus", "EffectStatus", "IncidentStatus", "Outcome", "Severity", "Speaker", "Verdict")
"""Enumerations whose values people read."""


def sources(root: Path = ROOT) -> list[Path]:
    """Every Python file whose texts people may read; the public fakes speak to tests only."""
    found = sorted(file for package in PACKAGES for file in (root / package).rglob("*.py"))
    return [file for file in found if not file.is_relative_to(root / "naryad" / "testing")]


def texts(source: str) -> Iterator[tuple[str, ...]]:
    """The texts in one file: a message, or its singular and plural.

    Raises:
        ValueError: A text is put together before it is translated, so that no catalogue can have it.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name in SHOWN:
            yield from (
                (line.value.value,)
                for line in node.body
                if isinstance(line, ast.Assign)
                and isinstance(line.value, ast.Constant)
                and isinstance(line.value.value, str)
            )
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name("_" | "N_" as marker):
                parts = node.args[:1]
            case ast.Name("ngettext" as marker):
                parts = node.args[:2]
            case ast.Name("tool" as marker):
                parts = [word.value for word in node.keywords if word.arg == "confirm"]
            case _:
                continue
        if any(isinstance(part, ast.JoinedStr | ast.BinOp) for part in parts):
            raise ValueError(f"line {node.lineno}: {marker}() needs a plain text; format what it returns")
        found = tuple(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
        if any(found):
            yield found


def template(files: Iterable[Path], root: Path = ROOT) -> Catalog:
    """A catalogue of all texts in the files, without translations."""
    catalogue = Catalog(project="naryad", charset="utf-8")
    for file in files:
        place = file.relative_to(root).as_posix()
        for text in texts(file.read_text(encoding="utf-8")):
            catalogue.add(text[0] if len(text) == 1 else text[:2], locations=[(place, 0)])
    return catalogue


def read(lang: str) -> Catalog:
    """The catalogue of a language as it is kept."""
    with po(lang).open("rb") as file:
        return read_po(file, locale=lang)


def po(lang: str) -> Path:
    """Where the translations of a language are written."""
    return CATALOGUES / lang / "LC_MESSAGES" / "naryad.po"


def updated(lang: str, fresh: Catalog) -> Catalog:
    """The language's catalogue with the code's present texts: new ones are empty, gone ones are dropped."""
    catalogue = read(lang)
    fresh.creation_date = catalogue.creation_date  # a date that changes by itself makes noise in every diff
    catalogue.update(fresh, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """The file that people edit."""
    buffer = BytesIO()
    write_po(buffer, catalogue, width=120, sort_output=True, include_lineno=False)
    return buffer.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """The file that the program reads."""
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main() -> None:
    """Update and compile every catalogue; say what still wants a translation."""
    for lang in LANGUAGES:
        catalogue = updated(lang, template(sources()))
        po(lang).write_bytes(as_po(catalogue))
        po(lang).with_suffix(".mo").write_bytes(as_mo(catalogue))
        empty = [message.id for message in catalogue if message.id and not any(message.string or "")]
        if lang != "en" and empty:
            sys.stdout.write(f"{lang}: {len(empty)} of {len(catalogue)} texts want a translation\n")


if __name__ == "__main__":
    main()
