"""Where results are kept, and how one is named."""

from pathlib import Path

import pytest

from evals.shelf import BASELINES, Shelf
from naryad.errors import ConfigError, NotFound


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path)
    made.folder.mkdir()
    for name in ("0190-aa11.json", "0191-bb11.json", "0192-cc22.json", ".0193-dd.json.part", "notes.txt"):
        (made.folder / name).touch()
    return made


def test_the_newest_comes_first(shelf: Shelf) -> None:
    """Only whole files of results are listed."""
    assert [path.stem for path in shelf.listed()] == ["0192-cc22", "0191-bb11", "0190-aa11"]
    assert shelf.path_of("newest") == shelf.newest() == shelf.listed()[0]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cc22", "{home}/evals/0192-cc22.json"),
        ("0191-bb11", "{home}/evals/0191-bb11.json"),
        ("baseline", f"{BASELINES}/none.json"),
        ("baseline:scripted", f"{BASELINES}/scripted.json"),
        ("elsewhere/run.json", "elsewhere/run.json"),
        ("run.json", "run.json"),
    ],
)
def test_a_run_is_named_in_many_ways(shelf: Shelf, name: str, path: str) -> None:
    """By its id or the end of it, as the baseline of a model, or by a path."""
    assert shelf.path_of(name) == Path(path.format(home=shelf.folder.parent))


@pytest.mark.parametrize(("name", "error"), [("11", ConfigError), ("zz", NotFound), ("", NotFound)])
def test_a_name_must_be_that_of_one_run(shelf: Shelf, name: str, error: type[Exception]) -> None:
    """Neither several nor none."""
    with pytest.raises(error):
        shelf.path_of(name)


def test_an_empty_shelf_has_no_newest(tmp_path: Path) -> None:
    """It says so, even without its folder."""
    with pytest.raises(NotFound):
        Shelf(tmp_path / "none").path_of("newest")
