"""Runs as a page."""

import re
from xml.etree import ElementTree as ET

import pytest

from evals.report import html
from evals.results import Results, Trial, Usage

BAD = "<script>alert(1)</script>\x1b[2J"


def run(model: str, *verdicts: bool, fault: str = "the service is not running") -> Results:
    return Results(
        model=model,
        trials=[
            Trial(
                case=f"ops/{case:02}",
                agent="ops",
                tags=["ru"],
                passed=passed,
                failures=[] if passed else [fault],
                usage=Usage(seconds=2.0 + case),
            )
            for case, passed in enumerate(verdicts)
        ],
    )


def read(page: str) -> str:
    """The page's words; it must be well-formed."""
    body = page.partition("<body>")[2].rpartition("</body>")[0]
    return " ".join(ET.fromstring(f"<body>{body}</body>").itertext())


def test_one_run_with_its_failures_and_charts() -> None:
    """Its figures, agents, tags, cases and why they failed; nothing is loaded from elsewhere."""
    page = html([run("none", True, False)], "en")
    words = read(page)
    assert "50.0% (9%–91%, n = 2)" in words
    assert "1: the service is not running" in words
    assert "What changed" not in words
    assert page.count("<svg") == 3
    assert not re.search(r"(src|href)=|url\(|@import", page)


def test_two_runs_are_compared() -> None:
    """The verdict stands above, with its reasons and what changed."""
    words = read(html([run("none", True, True), run("none", True, False)], "en"))
    assert "Worse than before." in words
    assert "These cases passed before and do not now: ops/01." in words
    assert "Nothing is worse than before." in read(html([run("none", True)] * 2, "en"))


def test_text_from_outside_is_only_text() -> None:
    """A failure that quotes a model can neither add elements nor hide, in any table."""
    page = html([run("none", True, fault=BAD), run("none", False, fault=BAD)], "en")
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J" in page


@pytest.mark.parametrize("runs", [[run("none")], [run("none"), run("none")], [run("none", True)] * 3])
def test_any_number_of_runs_and_cases(runs: list[Results]) -> None:
    """Runs without trials make a page as well, in either language; of three none is compared."""
    assert "Worse than before." not in read(html(runs, "en"))
    assert '<html lang="ru">' in html(runs, "ru")
