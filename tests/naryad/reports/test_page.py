"""Reports as people get them: pages, PDF and text, in both languages, with whatever stands in titles."""

import io
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from pypdf import PdfReader

from naryad.db.models.report import ReportKind
from naryad.errors import ToolFailed
from naryad.reports import advice, page, text
from naryad.reports.figures import AgentFigures, Availability, Fault, Figures, IncidentFigures, Part, TicketFigures
from naryad.reports.markup import tag
from naryad.reports.pdf import pdf
from naryad.reports.wording import duration, share

SINCE = datetime(2026, 11, 19, 21, tzinfo=UTC)
HOSTILE = "</style><script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>\"'&amp;\x07{0}"


def figures(name: str = "Веб-магазин", services: int = 1) -> Figures:
    """A day with something of everything, whose names are given."""
    counts = IncidentFigures(
        incidents=40, resolved=30, kept=20, breached=15, mttr_s=4_000, auto_resolved=0.4,
        by_severity={"critical": 30, "high": 10}, by_service={name: 39, "": 1},
    )  # fmt: skip
    before = IncidentFigures(incidents=20, resolved=20, kept=19, breached=1, mttr_s=1_000, auto_resolved=0.9)
    made = Figures(
        kind=ReportKind.DAILY, since=SINCE, until=SINCE + timedelta(days=1), timezone="Europe/Moscow",
        taken_at=SINCE + timedelta(hours=29), incidents=counts, incidents_before=before, waiting=10,
        tickets=TicketFigures(created=3, closed=2, ratings=7, rating=4.1), tickets_before=TicketFigures(),
        availability=[Availability(service=f"{name} {n}", up=0.9, down_s=8_640, outages=2) for n in range(services)],
        faults=[Fault(source=source, name=name, count=50) for source in ("alert", "tool", "run")],
        agents=[AgentFigures(agent=name, runs=9, succeeded=3, without_model=8, failures=1, tokens=1_234)],
        parts=[Part(begins=SINCE + timedelta(hours=n), by_severity={"critical": n % 4}) for n in range(24)],
    )  # fmt: skip
    made.advice = advice.of(made)
    return made


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _value in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_hostile_names_stay_text(lang: str) -> None:
    """No tag and no attribute comes of them, and nothing is loaded; the reader sees them as they are."""
    plain, hostile = (Seen(page.html(figures(name), lang)) for name in ("web", HOSTILE))
    assert (hostile.tags, hostile.attributes) == (plain.tags, plain.attributes)
    assert "<script>alert(1)</script>" in hostile.text
    assert not {"src", "href", "onerror", "onload"} & hostile.attributes
    assert not {"script", "img", "link", "iframe"} & hostile.tags
    assert "\x07" not in page.html(figures(HOSTILE), lang)
    assert "url(" not in page.html(figures(), lang)
    assert "{0}" in text.full(figures(HOSTILE), lang)


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_the_pdf_can_be_read(lang: str) -> None:
    """Cyrillic letters come out of it as they went in, hostile ones too; pages are numbered."""
    reader = PdfReader(io.BytesIO(await pdf(page.html(figures(f"Склад {HOSTILE}", services=20), lang))))
    whole = "".join(each.extract_text() for each in reader.pages)
    assert 3 <= len(reader.pages) <= 5
    squeezed = re.sub(r"\s", "", whole)
    assert "Склад</style><script>alert(1)</script>" in squeezed
    assert f"{len(reader.pages)}/{len(reader.pages)}" in re.sub(r"\s", "", reader.pages[-1].extract_text())
    assert re.sub(r"\s", "", text.summary(figures(), lang)[0]) in squeezed
    fonts = {str(font) for each in reader.pages for font in each._get_fonts()[0]}
    assert any("DejaVu" in font for font in fonts)


@pytest.mark.slow
async def test_a_page_that_wants_something_from_elsewhere_gets_no_pdf() -> None:
    """Neither a file nor an address: the child ends, and says so in the log only."""
    for url in ("file:///etc/passwd", "http://127.0.0.1:9/x", "data:text/css,*{}"):
        with pytest.raises(ToolFailed) as failure:
            await pdf(f"<link rel=stylesheet href='{url}'>")
        assert url not in failure.value.message


def test_what_is_not_whole_never_looks_whole() -> None:
    """99.999 % is not 100 %."""
    assert share(0.99999, "en", 2) == "99.99\N{NO-BREAK SPACE}%"
    assert share(1.0, "ru", 2) == "100,00\N{NO-BREAK SPACE}%"
    assert share(0.29, "en") == "29.0\N{NO-BREAK SPACE}%"
    assert (share(None, "en"), duration(None)) == ("—", "—")


def test_markup_escapes_what_is_not_markup() -> None:
    """Also in attributes, and inside of elements."""
    assert tag("p", "<b>", tag("i", "&"), title='"') == '<p title="&quot;">&lt;b&gt;<i>&amp;</i></p>'


def test_every_advice_has_words_and_facts() -> None:
    """Each rule that speaks names numbers that stand in the figures; a quiet day has none."""
    made = figures("web")
    assert {one.rule for one in made.advice} == {
        "down", "late", "repeats", "slower", "by_hand", "waiting", "rating", "alert", "tool", "run", "no_model",
    }  # fmt: skip
    facts = {one.rule: one.facts for one in made.advice}
    assert facts["repeats"] == {"service": "web", "count": 39}
    assert facts["late"] == {"count": 15, "all": 40, "share": 0.375}
    assert facts["by_hand"] == {"now": 40, "before": 90}
    for lang in ("ru", "en"):
        assert all(advice.worded(one, lang) for one in made.advice)
