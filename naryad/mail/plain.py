"""HTML of letters as plain text: what its reader would see, with quotes marked as plain letters mark them."""

import re
from html import unescape

MOST_CHARS = 500_000
"""What comes after so much HTML is left out."""
_TAG = re.compile(r"""<(/?)([a-zA-Z][^\s/>]{0,30})((?:[^"'>]++|"[^"]*+"|'[^']*+')*+)>""")
_TAG_CHARS = 5_000
_QUOTED = re.compile(r"""("[^"]*+"|'[^']*+')""")
_STYLE = re.compile(r"""\bstyle\s*=\s*("[^"]*+"|'[^']*+'|\S++)""", re.IGNORECASE)
_HIDING = re.compile(r"(?:^|\s)hidden(?=[\s=/]|$)", re.IGNORECASE)
_UNSEEN = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:\s{0,9}all"
    r"|(?:font-size|opacity|max-height)\s{0,9}:\s{0,9}0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "title", "textarea")}
_SILENT = frozenset({"head", "template", "noscript", "svg", "object", "iframe", *_RAW})
_EMPTY = frozenset({"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "wbr"})
_BLOCKS = frozenset(
    {"p", "div", "tr", "table", "ul", "ol", "li", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "section"}
)


def text_of(html: str) -> str:
    """What a reader of the HTML sees; scripts, styles and hidden text are no part of it.

    Not by the parser of the standard library: 50,000 characters of `<a ` keep it busy for minutes.
    """
    page, at, look, html = _Page(), 0, 0, html[:MOST_CHARS]
    while (begin := html.find("<", look)) >= 0:
        tag = _TAG.match(html, begin, begin + _TAG_CHARS)
        if not tag and not html[begin + 1 : begin + 2].isalpha() and html[begin + 1 : begin + 2] not in ("/", "!", "?"):
            look = begin + 1  # a mere «less than»
            continue
        page.data(html[at:begin])
        if tag:
            at, name = tag.end(), tag[2].lower()
            page.end(name) if tag[1] else page.start(name, tag[3])
            if name in _RAW and not tag[1]:
                closing = _RAW[name].search(html, at)
                at = closing.start() if closing else len(html)
        else:
            at = _after(html, "-->" if html.startswith("<!--", begin) else ">", begin)
        look = at
    page.data(html[at:])
    return re.sub(r"\n{3,}", "\n\n", page.text()).strip()


def _after(html: str, mark: str, begin: int) -> int:
    found = html.find(mark, begin)
    return found + len(mark) if found >= 0 else len(html)


class _Page:
    """The text of a page, as far as it was read."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._silent = self._quoted = self._preformatted = 0

    def text(self) -> str:
        return "\n".join([*self._lines, "".join(self._line)])

    def start(self, name: str, attributes: str) -> None:
        if name == "br":
            self._break()
        if name in _BLOCKS:
            self._block()
        if name == "li":
            self._write("- ")
        if name not in _EMPTY:
            self._open.append((name, name in _SILENT or _unseen(attributes)))
            self._count(*self._open[-1], 1)

    def end(self, name: str) -> None:
        if not any(name == other for other, _silent in self._open[-50:]):
            return
        while True:  # end tags that were left out end with the one around them
            ended, silent = self._open.pop()
            if ended in _BLOCKS:
                self._block()
            self._count(ended, silent, -1)
            if ended == name:
                return

    def data(self, raw: str) -> None:
        text = unescape(raw)
        for number, line in enumerate(text.split("\n") if self._preformatted else [re.sub(r"\s+", " ", text)]):
            if number:
                self._break()
            self._write(line)

    def _count(self, name: str, silent: bool, by: int) -> None:
        self._silent += by * silent
        self._quoted += by * (name == "blockquote")
        self._preformatted += by * (name == "pre")

    def _write(self, text: str) -> None:
        text = text if self._line else text.lstrip()
        if text and not self._silent:
            self._line += [text] if self._line else ["> " * min(self._quoted, 5), text]

    def _break(self) -> None:
        if not self._silent:
            self._lines.append("".join(self._line).rstrip())
            self._line = []

    def _block(self) -> None:
        if self._line:
            self._break()


def _unseen(attributes: str) -> bool:
    style = _STYLE.search(attributes)
    return bool((style and _UNSEEN.search(style[1])) or _HIDING.search(_QUOTED.sub("", attributes)))
