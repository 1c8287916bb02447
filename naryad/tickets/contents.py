"""What a file is, by its content: its name may say anything."""

import re
import zipfile
from io import BytesIO
from pathlib import PurePath

from naryad.errors import Refused
from naryad.i18n import _

NAME_CHARS = 100
TEXT = "text/plain"
_MARKS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (0, b"\xff\xd8\xff", "image/jpeg", "jpg jpeg"),
    (0, b"GIF87a", "image/gif", "gif"),
    (0, b"GIF89a", "image/gif", "gif"),
    (8, b"WEBP", "image/webp", "webp"),
    (0, b"%PDF-", "application/pdf", "pdf"),
    (4, b"ftyp", "video/mp4", "mp4 m4a m4v mov heic"),
    (0, b"OggS", "application/ogg", "ogg oga opus"),
    (8, b"WAVE", "audio/wav", "wav"),
    (0, b"ID3", "audio/mpeg", "mp3"),
)
"""Where a mark stands, the mark, its media type, and the endings that a name may have."""
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ZIPPED: tuple[tuple[str, str, str], ...] = (
    ("word/document.xml", f"{_OFFICE}wordprocessingml.document", "docx"),
    ("xl/workbook.xml", f"{_OFFICE}spreadsheetml.sheet", "xlsx"),
    ("ppt/presentation.xml", f"{_OFFICE}presentationml.presentation", "pptx"),
)
_PLAIN = "txt log csv md json yaml yml ini conf eml"
"""Endings with which a text opens as a text; any other could make it run: `.bat`, `.html`."""
_WRONG_IN_NAMES = re.compile(r"[^\w .,()+=@#-]")


def kind(content: bytes, name: str) -> tuple[str, str]:
    """The media type of a content, and a safe name for it.

    Raises:
        Refused: It is nothing that is taken: pictures, recordings, documents without macros, and text are.
    """
    for at, mark, media, endings in _MARKS:
        if content.startswith(mark, at) and (at != 8 or content.startswith(b"RIFF")):
            return media, _name(name, endings)
    if content.startswith(b"PK\x03\x04"):
        media, endings = _zipped(content)
        return media, _name(name, endings)
    if _readable(content):
        return TEXT, _name(name, _PLAIN)
    raise _refusal()


def _zipped(content: bytes) -> tuple[str, str]:
    """An office document by the names inside; nothing is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            inside = {entry.lower() for entry in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise _refusal() from error
    if not any("vbaproject" in entry or "activex" in entry for entry in inside):
        for entry, media, endings in _ZIPPED:
            if entry in inside:
                return media, endings
    raise _refusal()


def _readable(content: bytes) -> bool:
    """Whether it is text, in UTF-8 or the old Russian encoding of Windows, without control characters."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1251")
        except UnicodeDecodeError:
            return False
        letters = sum(letter.isalpha() or letter.isspace() for letter in text)
        if letters * 2 < len(text):  # noise decodes as well
            return False
    return not any(sign < " " and sign not in "\t\n\r\f\x1b" for sign in text)


def _name(name: str, endings: str) -> str:
    """The last part of a name, printable and short, with an ending that its content has."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = " ".join(_WRONG_IN_NAMES.sub("_", last).split()).strip(" .") or "file"
    path, allowed = PurePath(plain), endings.split()
    ending = path.suffix[1:].lower()
    if ending in allowed:
        return f"{path.stem[:NAME_CHARS]}.{ending}"
    return f"{plain[:NAME_CHARS]}.{allowed[0]}"


def _refusal() -> Refused:
    return Refused(_("Files of this kind are not taken: send pictures, recordings, documents or text."))
