"""The child that reads one file: `python -m knowledge_base.extract_child FILE CPU_SECONDS`.

The text goes to stdout. Exit code 3: the file was refused, and stdout says why.
"""

import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from knowledge_base.extract import LONGEST, decode
from naryad.errors import NaryadError
from naryad.i18n import N_

_MEMORY = 1 << 30
_UNPACKED = 200 << 20
_PAGES = 3000
_HIDDEN = {"script", "style", "nav", "template", "noscript", "title", "svg"}
_BLOCKS = {"p", "div", "section", "article", "ul", "ol", "table", "pre", "blockquote", "dl", "dd", "dt", "br", "main"}


class _Page(HTMLParser):
    """Reads HTML event by event, so that no depth of nesting can exhaust the stack."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0
        self._cells: list[str] | None = None
        self._rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif re.fullmatch("h[1-6]", tag):
            self.parts.append("\n\n" + "#" * int(tag[1]) + " ")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag == "table":
            self._end_row()
            self._rows = 0
            self.parts.append("\n\n")
        elif tag == "tr":
            self._end_row()
            self._cells = []
        elif tag in {"td", "th"} and self._cells is not None:
            self._cells.append("")
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in {"tr", "table"}:
            self._end_row()
            self.parts.append("\n\n" if tag == "table" else "")
        elif re.fullmatch("h[1-6]", tag) or tag in _BLOCKS:
            self.parts.append("\n\n")

    def close(self) -> None:
        """End what the page left open."""
        super().close()
        self._end_row()

    def _end_row(self) -> None:
        """Rows need no end tag: the next row ends one, and so does the table."""
        if self._cells:
            self.parts.append(_row(self._cells, first=self._rows == 0))
            self._rows += 1
        self._cells = None

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        text = re.sub(r"\s+", " ", data)
        if self._cells is None:
            self.parts.append(text)
        elif self._cells:
            self._cells[-1] += text


def _row(cells: list[str], *, first: bool) -> str:
    line = "| " + " | ".join(cell.strip().replace("|", "/").replace("\n", " ") for cell in cells) + " |\n"
    return line + ("|" + "---|" * len(cells) + "\n" if first else "")


def _html(path: Path) -> Iterator[str]:
    page = _Page()
    page.feed(decode(path.read_bytes()))
    page.close()
    yield re.sub(r"\n[ \t]+", "\n", "".join(page.parts))


def _docx(path: Path) -> Iterator[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _UNPACKED:
                raise NaryadError(N_("it unpacks to more than is allowed"))
    except zipfile.BadZipFile:
        raise NaryadError(N_("this is no DOCX document, or it is broken")) from None
    import docx
    from docx.table import Table

    try:
        blocks = docx.Document(str(path)).iter_inner_content()
        for block in blocks:
            if isinstance(block, Table):
                yield "\n" + "".join(
                    _row([cell.text for cell in row.cells], first=number == 0) for number, row in enumerate(block.rows)
                )
                continue
            style = (block.style.name if block.style else "") or ""
            if found := re.fullmatch(r"(?:Heading|Заголовок) (\d)", style):
                yield f"\n{'#' * int(found[1])} {block.text}\n"
            else:
                yield ("- " if style.startswith("List") else "\n") + block.text + "\n"
    except (KeyError, ValueError, AttributeError, SyntaxError, zipfile.BadZipFile) as error:
        # lxml's errors of syntax are SyntaxErrors, and python-docx lets all of these through
        raise NaryadError(N_("this is no DOCX document, or it is broken")) from error


def _pdf(path: Path) -> Iterator[str]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise NaryadError(N_("it is locked by a password"))
        if len(reader.pages) > _PAGES:
            raise NaryadError(N_("it has more pages than is allowed"))
        for page in reader.pages:
            yield (page.extract_text() or "") + "\n\n"
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, RecursionError) as error:
        raise NaryadError(N_("this is no PDF document, or it is broken")) from error  # what pypdf lets through


_READERS: dict[str, Any] = {".html": _html, ".htm": _html, ".docx": _docx, ".pdf": _pdf}


def main(path: Path, seconds: int) -> int:
    """Read one file under limits."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    out, length = [], 0
    try:
        for part in _READERS[path.suffix.lower()](path):
            out.append(part)
            length += len(part)
            if length > LONGEST:
                raise NaryadError(N_("it holds more text than is allowed"))
    except NaryadError as error:
        sys.stdout.write(error.message)
        return 3
    sys.stdout.write("".join(out).encode("utf-8", "replace").decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
