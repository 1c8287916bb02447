"""What somebody says in a letter: without the letter that it answers, and without the signature."""

import re

_WROTE = re.compile(
    r"(?:\bwrote|\bwrites|написал(?:а|\(а\))?|пишет|писал(?:а|\(а\))?)[^:]{0,100}:\s*$|\d{4}.{0,80}<[^<>\s]{3,254}>:\s*$",
    re.IGNORECASE,
)
_DATED = re.compile(r"\s*(?:On |В |(?:пн|вт|ср|чт|пт|сб|вс)[.,]).{0,100}\d{4}", re.IGNORECASE)
"""The first half of an announcement in two lines."""
_LABEL = re.compile(
    r"[*\s]{0,4}(?:(?P<first>From|От(?:\s+кого)?)|Sent|Date|To|Cc|Subject|Отправлено|Дата|Кому|Копия|Тема)\s?:",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(r"\s*-{3,}\s*(?:Original Message|Исходное сообщение)\s*-{3,}\s*$", re.IGNORECASE)
_FORWARDED = re.compile(
    r"\s*(?:-{3,}\s*(?:Forwarded message|Пересылаемое сообщение|Пересланное сообщение)|Begin forwarded message"
    r"|Начало переадресованного сообщения)",
    re.IGNORECASE,
)
_BELOW = re.compile(
    r"\s*(?:Sent from (?:my|Outlook|Mail)|Get Outlook for|Отправлено (?:с|из) |[_-]{5,}\s*$)", re.IGNORECASE
)
"""What mail programs add at the end."""
SIGNATURE_LINES = 15
"""A longer text below «-- » is no signature."""
_LINE_CHARS = 500
"""No line that announces a quote is longer."""


def said(text: str) -> str:
    """The text without quotes and signature; with them, where something is said between or only below.

    Own rules: the libraries for it know no Russian, take lists for signatures, and need minutes for one long line.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if any(_FORWARDED.match(line[:_LINE_CHARS]) for line in lines):
        return text.strip()  # what is forwarded is what is meant
    own = _above(lines)
    rest = [line for line in lines[len(own) :] if line.strip() and not line.lstrip().startswith(">")]
    marked = any(line.lstrip().startswith(">") for line in lines[len(own) :])
    if marked and not all(_announces(line) or _DATED.match(line) for line in _unsigned(rest)):
        return "\n".join(_unsigned(lines)).strip()  # answers between the lines of the quote, or below it
    return "\n".join(_unsigned(own)).strip() or text.strip()


def _above(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        start = line[:_LINE_CHARS]
        if _ORIGINAL.match(start) or _heads(lines, number):
            return lines[:number]
        if start.lstrip().startswith(">"):
            above = next((n for n in range(number - 1, -1, -1) if lines[n].strip()), number)
            return lines[: _wrapped(lines, above) if _announces(lines[above]) else number]
        if _announces(line):
            following = next((other for other in lines[number + 1 :] if other.strip()), ">")
            if following.lstrip().startswith(">") or "<" in start:
                return lines[: _wrapped(lines, number)]
    return lines


def _announces(line: str) -> bool:
    return len(line) <= _LINE_CHARS and bool(_WROTE.search(line))


def _wrapped(lines: list[str], number: int) -> int:
    """Where an announcement begins: mail programs break «On …, … wrote:» in two."""
    return number - 1 if number and _DATED.match(lines[number - 1]) else number


def _heads(lines: list[str], number: int) -> bool:
    """Whether the head of the answered letter stands here, as Outlook writes it."""
    first = _LABEL.match(lines[number][:_LINE_CHARS])
    following = [line for line in lines[number + 1 : number + 6] if _LABEL.match(line[:_LINE_CHARS])]
    return bool(first and first["first"] and len(following) >= 2)


def _unsigned(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if line.rstrip() == "--" and len(lines) - number <= SIGNATURE_LINES:
            lines = lines[:number]
            break
    kept = len(lines)
    while kept and (not lines[kept - 1].strip() or _BELOW.match(lines[kept - 1][:_LINE_CHARS])):
        kept -= 1
    return lines[:kept]
