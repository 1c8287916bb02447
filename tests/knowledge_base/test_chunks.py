"""How documents are cut."""

from itertools import pairwise

from knowledge_base.chunks import cut, sentences
from knowledge_base.documents import About, Document


def _document(text: str) -> Document:
    return Document(about=About(id="doc", title="Doc"), lang="en", text=text)


def test_passages_follow_the_headings() -> None:
    """Each knows the headings above it, and the title is not repeated; a # in code is no heading."""
    text = "# Doc\nIntro.\n\n## A\nOne.\n\n### B\nTwo.\n```\n# no heading\n\nx\n```\n\n## C\nThree."
    found = [(chunk.path, chunk.text) for chunk in cut(_document(text), 1)]
    assert found == [
        ((), "Intro."),
        (("A",), "One."),
        (("A", "B"), "Two.\n```\n# no heading\n\nx\n```"),
        (("C",), "Three."),
    ]


def test_a_long_table_repeats_its_head() -> None:
    """Every part can be read alone, and no row is lost."""
    rows = [f"| item {number} | {number} |" for number in range(200)]
    chunks = cut(_document("\n".join(["| Name | Price |", "|---|---|", *rows])), 1)
    assert len(chunks) > 1
    assert all(chunk.text.startswith("| Name | Price |\n|---|---|\n| item") for chunk in chunks)
    assert [line for chunk in chunks for line in chunk.text.splitlines()[2:]] == rows


def test_long_prose_overlaps_and_stays_bounded() -> None:
    """A sentence at a border stands on both sides; one endless word is cut."""
    chunks = cut(_document(" ".join(f"This is sentence number {n}." for n in range(200))), 1)
    for before, after in pairwise(chunks):
        assert sentences(before.text)[-1] == sentences(after.text)[0]
    assert all(len(chunk.text) <= 1300 for chunk in cut(_document("x" * 50_000), 1))


def test_an_id_lives_as_long_as_its_passage() -> None:
    """A change elsewhere leaves it alone; equal passages differ."""
    before = cut(_document("## A\nSame.\n\n## B\nOld."), 1)
    after = cut(_document("## New\nFirst.\n\n## A\nSame.\n\n## B\nNew."), 2)
    assert before[0].id == after[1].id
    assert before[1].id != after[2].id
    twins = cut(_document("## A\nSame.\n\n## A\nSame."), 1)
    assert len({chunk.id for chunk in twins}) == 2
