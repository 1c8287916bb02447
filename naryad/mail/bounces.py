"""What mail servers say about letters of ours that they could not deliver."""

import re
from dataclasses import dataclass

from naryad.mail.letter import Letter, header

_FAILED = re.compile(r"^Action:\s*failed\b", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"^Status:\s*(5\.\d{1,3}\.\d{1,3})", re.IGNORECASE | re.MULTILINE)
_WHY = re.compile(r"^Diagnostic-Code:\s*(.{1,300})", re.IGNORECASE | re.MULTILINE)
_ID = re.compile(r"^Message-ID:\s*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)
_LOOKED_AT = 200_000


@dataclass(frozen=True, slots=True)
class Bounce:
    """A letter that will not arrive.

    Attributes:
        message_ids: Of the letter, as far as the report names it.
        why: What the server says.
    """

    message_ids: tuple[str, ...]
    why: str


def bounce_of(letter: Letter) -> Bounce | None:
    """The failure that a letter reports; None for any other letter, and for a mere delay."""
    if letter.message.get_content_type() != "multipart/report":
        return None
    text = "\n".join([letter.whole, *(file.content.decode("utf-8", "replace") for file in letter.files)])[:_LOOKED_AT]
    if not _FAILED.search(text):
        return None
    why = _WHY.search(text) or _STATUS.search(text)
    named = [*_ID.findall(text), *letter.answers]
    return Bounce(tuple(dict.fromkeys(named)), " ".join(why[1].split()) if why else header(letter.message, "Subject"))
