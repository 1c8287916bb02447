"""Whether the documents that an answer cites say what it takes from them."""

import re
from collections.abc import Mapping

from graphs.support.cited import exact

_PIECE = re.compile(r"(.*?)((?:\[\d{1,2}\]\s*)+)", re.DOTALL)
_LISTED = re.compile(r"\n[^\n]*\n\[\d{1,2}\] ")
"""Where the claims end and the sources are listed."""


def grounded(text: str, documents: Mapping[int, str | None]) -> int:
    """How many of the citations of an answer stand.

    One does where its document is known, some claim cites it, and the figures, links and code of all such claims are in
    the documents that they cite. What stands before a citation, from the one before it on, is its claim.

    Args:
        text: The answer as it was said, its sources below.
        documents: The texts of the documents that it names, by the numbers that it gives them; None: there is none.
    """
    claims = [
        (exact(claim), {int(number) for number in re.findall(r"\d+", cited)})
        for claim, cited in _PIECE.findall(_LISTED.split(text, maxsplit=1)[0])
    ]
    false = set[int]()
    for figures, numbers in claims:
        source = "\n".join(documents.get(number) or "" for number in numbers).lower()
        if not all(one in source for one in figures):
            false |= numbers
    cited = {number for _figures, numbers in claims for number in numbers}
    return sum(known is not None and number in cited - false for number, known in documents.items())
