"""A letter as it is read: from the bytes of anybody, so nothing in it is believed, and everything has a limit."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

from naryad.canonical import digest
from naryad.db.types import storable
from naryad.mail.parsing import UNREADABLE, Unreadable, parsed
from naryad.mail.plain import MOST_CHARS, text_of
from naryad.mail.said import said

LETTER_BYTES = 25 * 1024 * 1024
"""A larger letter is refused, unread."""
TEXT_CHARS = 16_000
"""So much of the text is read to an agent; the whole is in the letter, which is kept."""
PARTS, FILES, HEADER_CHARS, REFERENCES = 300, 50, 4_000, 50
_ID = re.compile(r"<[^<>\s]{1,250}>")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\\x00-\x1f\x7f]{1,64}@[\w.-]{1,190}")
_ASIDE = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)')


@dataclass(frozen=True, slots=True)
class File:
    """Something attached; never opened here."""

    name: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter.

    Attributes:
        message: As the standard library reads it, for who needs more of it.
        message_id: With its angle brackets; empty where it has none.
        identity: The same for the same letter, however it came.
        address: Who says to have written it, in lower case: anybody can say anything.
        answers: The Message-IDs that it names, the nearest first.
        whole: Its text with quotes and signature; HTML as plain text.
        text: What its writer says in it.
    """

    message: Message
    message_id: str
    identity: str
    address: str
    subject: str
    answers: Sequence[str]
    whole: str
    text: str
    files: Sequence[File]

    @property
    def lang(self) -> str:
        """The language, by its alphabet."""
        return language(self.subject + self.whole[:2000])


def read(raw: bytes) -> Letter:
    """Read a letter.

    Raises:
        Unreadable: There is no one sender, or nothing to make sense of.
    """
    message = parsed(raw)
    try:
        return _read(message)
    except UNREADABLE as error:
        raise Unreadable(f"broken: {type(error).__name__}") from error


def header(message: Message, name: str) -> str:
    """A header's text on one line, without what is too long."""
    return _decoded(next(iter(_raw(message, name)), "")[:HEADER_CHARS])


def _raw(message: Message, name: str) -> list[str]:
    """All headers of a name, as they came."""
    return [str(value) for value in message.get_all(name, [])]


def _decoded(text: str) -> str:
    with suppress(*UNREADABLE):
        text = str(make_header(decode_header(text)))
    return storable(" ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split()))  # type: ignore[no-any-return]


def ids(message: Message, name: str) -> list[str]:
    """The Message-IDs in a header."""
    return _ID.findall(header(message, name))


def language(text: str) -> str:
    """Russian, if a good part of the letters is."""
    letters = [character for character in text if character.isalpha()]
    russian = sum("а" <= character.lower() <= "я" or character in "ёЁ" for character in letters)
    return "ru" if russian * 4 > len(letters) else "en"


def _sender(message: Message) -> str:
    """The one address that a letter says to be from, in lower case; empty where there is none, or a choice.

    Names are decoded after addresses are told apart, if at all: `=?utf-8?q?victim=40x.ru=2C?= <me@y.ru>` is of me@y.ru.
    """
    told = _raw(message, "From")
    if len(told) != 1 or len(told[0]) > HEADER_CHARS:
        return ""
    line = re.sub(r"[\x00-\x1f\x7f]", " ", told[0])
    if set('"()') & set(_ASIDE.sub("", line)):  # the library guesses where a quote without end does
        return ""
    found = {address.lower() for _name, address in getaddresses([line]) if address}
    address = found.pop() if len(found) == 1 else ""
    return address if _ADDRESS.fullmatch(address) else ""


def _read(message: Message) -> Letter:
    if not (address := _sender(message)):
        raise Unreadable("no sender")
    whole, files = _content(message)
    subject = header(message, "Subject")[:200]
    message_id = next(iter(ids(message, "Message-ID")), "")
    told = [
        message_id,
        address,
        header(message, "Date"),
        subject,
        whole,
        [[one.name, len(one.content)] for one in files],
    ]
    answers = [*ids(message, "In-Reply-To"), *reversed(ids(message, "References"))]
    return Letter(
        message=message,
        message_id=message_id,
        identity=digest(told),
        address=address,
        subject=subject,
        answers=list(dict.fromkeys(answers))[:REFERENCES],
        whole=whole,
        text=said(whole[: TEXT_CHARS * 4])[:TEXT_CHARS],
        files=files,
    )


def _content(message: Message) -> tuple[str, list[File]]:
    """The text of a letter, and what is attached."""
    plain: list[str] = []
    html: list[str] = []
    files: list[File] = []
    for part in _leaves(message):
        kind, name = part.get_content_type(), _name(part)
        if name or kind not in ("text/plain", "text/html") or _disposition(part) == "attachment":
            if len(files) < FILES and (content := _bytes(part)):
                files.append(File(name or f"{kind.replace('/', '.')}", kind, content))
        else:
            (plain if kind == "text/plain" else html).append(_text(part)[:MOST_CHARS])
    told = "\n\n".join(text for text in plain if text.strip())
    if not told:
        told = "\n\n".join(text_of(text) for text in html)
    return storable(told[:MOST_CHARS]).strip(), files


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold content; a letter inside a letter is one of them."""
    waiting, seen = [message], 0
    while waiting and seen < PARTS:
        seen += 1
        part = waiting.pop(0)
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting[:0] = [one for one in inner if isinstance(one, Message)]
        else:
            yield part


def _bytes(part: Message) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list):  # message/rfc822
        return b"\n".join(one.as_bytes() for one in inner if isinstance(one, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    """A part's text: as it says, else as it must be, for the stated charset is often wrong."""
    content = _bytes(part)
    try:
        stated = part.get_content_charset() or ""
    except UNREADABLE:
        stated = ""
    tried = ("utf-8", stated) if stated in ("", "us-ascii", "ascii", "iso-8859-1") else (stated, "utf-8")
    for charset in tried:
        try:
            return content.decode(charset)
        except (LookupError, ValueError):
            continue
    return max((content.decode(name, "replace") for name in ("koi8-r", "windows-1251", "utf-8")), key=_likely)


def _likely(text: str) -> int:
    """How much a text looks like one: Russian is written in small letters, but for the first ones."""
    return sum("а" <= character <= "я" for character in text) - 3 * text.count("\ufffd")


def _name(part: Message) -> str:
    try:
        name = _decoded(part.get_filename() or "")
    except UNREADABLE:
        name = "file"
    return name.replace("\\", "/").rsplit("/", 1)[-1].strip(". ")[-150:]


def _disposition(part: Message) -> str:
    try:
        return part.get_content_disposition() or ""
    except UNREADABLE:
        return ""
