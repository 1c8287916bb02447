"""Prompt files."""

from pathlib import Path

import pytest

from naryad import prompts
from naryad.errors import ConfigError

GOOD = "---\nid: ops.system\nversion: 2\nvariables: [name, day]\n---\nYou are {{ name }}.\n\nIt is {{day}}, {no}.\n"


def write(root: Path, text: str) -> None:
    (root / "ops").mkdir(exist_ok=True)
    (root / "ops" / "system.md").write_text(text, encoding="utf-8")


def test_a_prompt_knows_its_version_and_fills_its_variables(tmp_path: Path) -> None:
    """The text is filled in once: what stands inside a value stays as it is."""
    write(tmp_path, GOOD)
    prompt = prompts.load("ops", "system", root=tmp_path)
    assert prompt.ref == "ops.system@2"
    said = prompt.render(name="{{ day }}", day="Monday \\1")
    assert said == "You are {{ day }}.\n\nIt is Monday \\1, {no}."


@pytest.mark.parametrize(
    ("given", "problem"),
    [({"name": "a"}, "needs the variables day"), ({"name": "a", "day": "b", "x": "c"}, "no variables x")],
)
def test_rendering_is_strict(tmp_path: Path, given: dict[str, str], problem: str) -> None:
    """A missing or unknown variable names the file."""
    write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match=rf"system\.md: .*{problem}"):
        prompts.load("ops", "system", root=tmp_path).render(**given)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("You are.", "front matter"),
        ("---\nid: a\n---\nx", r"system\.md:2: version"),
        ("---\nid: a\nversion: two\n---\nx", r"system\.md:3: version"),
        ("---\nid: a\nversion: 1\nauthor: me\n---\nx", r"system\.md:4: author"),
        ("---\nid: a\nversion: 1\n---\n{{ who }}", "who: the text and the declaration differ"),
        ("---\nid: a\nversion: 1\nvariables: [who]\n---\nx", "who: the text and the declaration differ"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    """The error names the file, and the line and field where they are known."""
    write(tmp_path, text)
    with pytest.raises(ConfigError, match=problem):
        prompts.load("ops", "system", root=tmp_path)


def test_an_absent_prompt_is_named(tmp_path: Path) -> None:
    """The path that was looked for is in the message."""
    with pytest.raises(ConfigError, match=r"ops.system\.md"):
        prompts.load("ops", "system", root=tmp_path)


def test_every_installed_prompt_loads() -> None:
    """The files that ship are right, and no two share an id."""
    files = sorted(prompts.folder().glob("*/*.md"))
    assert files
    loaded = [prompts.load(file.parent.name, file.stem) for file in files]
    assert len({prompt.id for prompt in loaded}) == len(files)
