"""E-mail addresses in their one normal form, so that no two spellings of one mailbox have two accounts."""

import re
import unicodedata

from naryad.i18n import _

LONGEST = 254
_WORD = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX = re.compile(
    rf"(?=.{{1,64}}@){_WORD}(\.{_WORD})*@([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
)


def normal(text: str) -> str:
    """The address as it is stored, compared and written to: never as somebody typed it.

    Compatibility forms are resolved and letters made small; a domain in another script becomes ASCII, and before the
    @ only ASCII will do: letters of two scripts that look alike would make two addresses that look alike. Names that
    only a company's own network knows are taken, such as `corp.local`.

    Raises:
        ValueError: This is no address.
    """
    folded = unicodedata.normalize("NFKC", text).strip().lower() if len(text) <= LONGEST else ""
    name, at, domain = folded.rpartition("@")
    try:
        found = name + at + domain.encode("idna").decode()
    except UnicodeError:
        found = ""
    if len(found) > LONGEST or not _MAILBOX.fullmatch(found):
        raise ValueError(_("this is not an e-mail address"))
    return found
