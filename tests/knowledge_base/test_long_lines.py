"""What somebody made long on purpose is read in the time that its length needs: everything else waits meanwhile."""

from itertools import pairwise
from pathlib import Path

import pytest

from graphs.support import cited
from graphs.support.steps import howtos
from knowledge_base import analysis
from knowledge_base.base import KnowledgeBase
from knowledge_base.chunks import cut, heading, sentences
from knowledge_base.documents import About, Document, Unreadable, read
from knowledge_base.settings import KnowledgeSettings
from naryad.db.session import Database

# The limit is no measure: what takes a second here took tens of minutes where the time grew with the square.
pytestmark = pytest.mark.timeout(200)
LONG = 300_000
LINES = {
    "a heading": f"# a{' ' * LONG}x",
    "a heading's end": f"# a{'#' * LONG}x",
    "no heading": "#" * LONG,
    "a step": f"1.{' ' * LONG}x",
    "what is below a step": "1. x\n" + " y\n" * (LONG // 3),
    "an item": f"{' ' * LONG}- x",
    "a table": f"|{'-:' * (LONG // 2)}x",
    "a table's rows": "|x|\n" * (LONG // 4),
    "a fence": "`" * LONG,
    "code": f"`{'a' * LONG}",
    "a sentence's end": f"a.{')' * LONG}{' ' * LONG}b",
    "ends of sentences": ". " * (LONG // 2),
    "front matter": f"---{' ' * LONG}\n{'---x' * (LONG // 4)}",
    "a word": "a" * LONG,
    "a compound": "а-" * (LONG // 2),
    "an address": "a.b+" * (LONG // 4),
    "empty lines": "\n" * LONG + "x",
    "paragraphs": "x\n\n" * (LONG // 3),
}


@pytest.mark.parametrize("text", LINES.values(), ids=LINES.keys())
def test_a_long_line_of_any_kind_is_read(text: str, tmp_path: Path) -> None:
    """By each of those who read documents, and what a model makes of them."""
    path = tmp_path / "long.md"
    path.write_text(text, encoding="utf-8")
    assert read(path, KnowledgeSettings()).about.id == "long"
    document = Document(about=About(id="doc", title="Doc", kind="howto"), lang="en", text=text)
    assert all(len(chunk.text) <= 4000 for chunk in cut(document, 1))
    assert all(len(step) <= 1500 for howto in howtos(document) for step in howto.steps)
    assert sentences(text)
    analysis.terms(text)
    cited.exact(text)
    assert not cited.holds(text, [])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("# Title", (1, "Title")),
        ("###### Deep ##", (6, "Deep")),
        ("#\tC # D #", (1, "C # D")),
        ("####### Deeper", None),
        ("#word", None),
        ("#", None),
        ("# ", None),
        ("text", None),
    ],
)
def test_what_is_a_heading(line: str, found: tuple[int, str] | None) -> None:
    """One to six signs, a gap, and words; the signs at the end belong to none."""
    assert heading(line) == found


@pytest.mark.parametrize("word", ["недо" * 15, "небез" * 12, "недонебез" * 7, "ретро-нейро" * 6])
def test_a_word_of_prefixes_is_looked_up(word: str) -> None:
    """The dictionary tries each prefix that a word may have, and each of what is left."""
    assert analysis.terms(f"{word} кошками")[-2] == "кошка"


def test_aliases_of_aliases_are_no_front_matter(tmp_path: Path) -> None:
    """A file of a few hundred bytes that spells out to more than a machine holds is refused."""
    names = "abcdefghijklmno"
    lists = [f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]" for before, one in pairwise(names)]
    path = tmp_path / "bomb.md"
    path.write_text("\n".join(["---", "id: bomb", "a: &a [x]", *lists, "---", "text"]))
    with pytest.raises(Unreadable, match="bomb"):
        read(path, KnowledgeSettings())


async def test_a_document_of_one_long_line_is_indexed(database: Database, tmp_path: Path) -> None:
    """It is found like any other."""
    base = KnowledgeBase(database)
    path = tmp_path / "long.md"
    path.write_text(f"# a{' ' * LONG}x\n\nThe printer hums.", encoding="utf-8")
    await base.ingest([path], "local:anna")
    assert await base.refresh()
    assert [one.document_id for one in await base.search("printer", [])] == ["long"]
