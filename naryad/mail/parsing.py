"""The bytes of a letter as the standard library's parts, kept from everything that its parser is slow with."""

import re
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32

from naryad.errors import NaryadError

HEAD_BYTES, HEADS_CHARS, FIELD_CHARS = 256 * 1024, 1024 * 1024, 1_000
"""The head of the letter; the heads of all its parts together; what of a part is read to learn what it is."""
BOUNDARIES, NESTED, LINES, WORK = 5_000, 100, 1_000_000, 5_000_000
"""`WORK` is lines times multiparts, for each line is compared with the boundaries of all parts around it."""
UNREADABLE = (MessageError, LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError)
"""What the standard library raises for letters that follow no rule."""


class Unreadable(NaryadError):
    """The letter breaks the rules so badly that nobody can tell what it says."""


class _Sparing(Compat32):
    """Fields stay the text that they came as: the parser of `policy.default` needs minutes for a long one."""

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["heads"] = [0]  # a policy lets nobody set what it has not known before

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        # Letters inside letters come here too, with the same policy.
        heads = self.__dict__["heads"]
        heads[0] += sum(map(len, sourcelines))
        if heads[0] > HEADS_CHARS:
            raise Unreadable("its heads are too long")
        name, value = super().header_source_parse(sourcelines)
        return name, value[:FIELD_CHARS] if name.lower().startswith("content-") else value

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}\n".encode("ascii", "surrogateescape")


def parsed(raw: bytes) -> Message:
    """The parts of a letter.

    Raises:
        Unreadable: It is made to take long.
    """
    nested, lines = raw.lower().count(b"multipart/"), raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
    if nested > NESTED or raw.count(b"\n--") > BOUNDARIES or lines > LINES or nested * lines > WORK:
        raise Unreadable("too many parts")
    if len(raw) > HEAD_BYTES and not re.search(rb"\n\r?\n", raw[:HEAD_BYTES]):
        raise Unreadable("its head does not end")
    try:
        return BytesParser(policy=_Sparing()).parsebytes(raw)
    except UNREADABLE as error:
        raise Unreadable(f"broken: {type(error).__name__}") from error
