"""What is read from files, and what hostile files do."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pytest
from pypdf import PdfWriter

from knowledge_base.documents import Unreadable, read
from knowledge_base.extract import decode
from knowledge_base.settings import KnowledgeSettings

LIMITS = KnowledgeSettings(max_file_mb=1, read_timeout_s=60)
RUSSIAN = "Принтер не печатает: проверьте бумагу в лотке."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "koi8-r", "cp866"])
def test_russian_is_read_in_every_encoding_it_was_ever_written_in(encoding: str) -> None:
    """The text comes back whole."""
    assert decode(RUSSIAN.encode(encoding)) == RUSSIAN


def test_html_gives_its_text_and_structure(tmp_path: Path) -> None:
    """Headings, lists and tables stay; scripts and navigation go."""
    path = tmp_path / "page.html"
    path.write_text(
        "<html><head><title>x</title><script>evil()</script></head><body><nav>menu</nav><h1>Почта</h1>"
        "<p>Текст &amp; слово.</p><ul><li>раз<li>два</ul>"
        "<table><tr><th>Имя</th><th>Цена</th></tr><tr><td>А</td><td>5</td></tr></table></body></html>",
        encoding="cp1251",
    )
    text = read(path, LIMITS).text
    assert "# Почта" in text
    assert "- раз\n- два" in text
    assert "| Имя | Цена |\n|---|---|\n| А | 5 |" in text
    assert "evil" not in text
    assert "menu" not in text


def test_html_may_leave_its_end_tags_out(tmp_path: Path) -> None:
    """Rows and cells that are never closed keep their text."""
    path = tmp_path / "old.html"
    path.write_text("<table><tr><th>Name<th>Price<tr><td>pen<td>5<tr><td>cap<td>7", encoding="utf-8")
    assert read(path, LIMITS).text == "| Name | Price |\n|---|---|\n| pen | 5 |\n| cap | 7 |"


def test_docx_gives_its_text_and_structure(tmp_path: Path) -> None:
    """Headings and tables stay in their order."""
    made = docx.Document()
    made.add_heading("Доступ", 1)
    made.add_paragraph("Заявку подаёт руководитель.")
    table = made.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("Роль", "Срок", "гость", "день"), strict=True):
        cell.text = text
    made.save(str(tmp_path / "access.docx"))
    document = read(tmp_path / "access.docx", LIMITS)
    assert (document.about.id, document.about.title, document.lang) == ("access", "Доступ", "ru")
    assert "Заявку подаёт руководитель.\n" in document.text
    assert "| Роль | Срок |\n|---|---|\n| гость | день |" in document.text


def test_pdf_gives_its_text(tmp_path: Path) -> None:
    """A plain page is read."""
    stream = b"BT /F1 12 Tf 72 720 Td (Reset the router twice.) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, places = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for pair in enumerate(objects, 1):
        places += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % pair
    end = b"xref\n0 6\n%strailer<</Root 1 0 R/Size 6>>\nstartxref\n%d\n%%%%EOF" % (places, len(body))
    path = tmp_path / "router.pdf"
    path.write_bytes(body + end)
    assert "Reset the router twice." in read(path, LIMITS).text


def _scan(path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(path)


def _locked(path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(path)


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as entry:
        for _piece in range(250):
            entry.write(b"\0" * 2**20)


def _deep(path: Path) -> None:
    path.write_text("---\nid: deep\ntitle: " + "[" * 9000 + "\n---\ntext", encoding="utf-8")


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "broken.pdf": (lambda path: path.write_bytes(b"%PDF-1.7\ntrash"), "broken"),
    "scan.pdf": (_scan, "no text"),
    "locked.pdf": (_locked, "password"),
    "huge.pdf": (lambda path: path.write_bytes(b"0" * (2 << 20)), "2 MB"),
    "broken.docx": (lambda path: path.write_bytes(b"PK\3\4trash"), "broken"),
    "empty.docx": (lambda path: zipfile.ZipFile(path, "w").close(), "broken"),
    "bomb.docx": (_bomb, "unpacks"),
    "binary.txt": (lambda path: path.write_bytes(bytes(range(256)) * 20), "no text"),
    "empty.md": (lambda path: path.write_bytes(b""), "no text"),
    "deep.md": (_deep, "YAML"),
    "front.md": (lambda path: path.write_text("---\nid: Плохой ид\ntitle: x\n---\ntext"), "id"),
    "image.png": (lambda path: path.write_bytes(b"x"), "format"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_reason(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the file and says what is wrong; nothing else happens."""
    monkeypatch.setenv("NARYAD_LANG", "en")
    make, reason = BAD[name]
    make(tmp_path / name)
    with pytest.raises(Unreadable, match=reason) as refused:
        read(tmp_path / name, LIMITS)
    assert name in refused.value.message


def test_endless_nesting_of_html_is_only_text(tmp_path: Path) -> None:
    """A hundred thousand open elements exhaust nothing."""
    path = tmp_path / "deep.html"
    path.write_text("<div>" * 100_000 + "bottom", encoding="utf-8")
    assert read(path, LIMITS).text.strip() == "bottom"
