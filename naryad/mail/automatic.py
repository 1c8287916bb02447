"""Letters that no person wrote: answering them would be talking to a machine, which may answer back for ever."""

import re
from collections.abc import Collection

from naryad.mail.letter import Letter, header

_ROBOTS = re.compile(
    r"(?:mailer-daemon|mail-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|listserv|majordomo)(?:[+=-].*)?@"
)
_LISTS = ("List-Id", "List-Post", "List-Unsubscribe", "Feedback-ID", "X-Autoreply", "X-Autorespond", "X-Loop")
_REPORTS = ("multipart/report", "message/delivery-status", "message/disposition-notification")


def sign_of(letter: Letter, own: Collection[str]) -> str:
    """What shows that a machine wrote the letter; empty where nothing does.

    Args:
        letter: The letter.
        own: The addresses that we send from.
    """
    message = letter.message
    told = header(message, "Auto-Submitted").lower()
    if letter.address in own:
        return "own address"
    if told and not told.startswith("no"):
        return "Auto-Submitted"
    if "bulk junk list auto_reply".find(header(message, "Precedence").lower() or "-") >= 0:
        return "Precedence"
    if re.search(r"\b(?:all|oof|autoreply|dr)\b", header(message, "X-Auto-Response-Suppress").lower()):
        return "X-Auto-Response-Suppress"
    if header(message, "Return-Path").replace(" ", "") == "<>":
        return "Return-Path"
    if named := next((name for name in _LISTS if name in message), ""):
        return named
    if message.get_content_type() in _REPORTS:
        return "report"
    return "robot's address" if _ROBOTS.match(letter.address) else ""
