"""What makes a citation stand."""

import pytest

from evals.grounding import grounded

DOCUMENT = "Write to help@example.ru within 45 minutes.\n1. Open https://vpn.example.ru"
LISTED = "\n\nSources:\n[1] Title 2019 (a, version 7)\n\nWrite «99»."


@pytest.mark.parametrize(
    ("text", "documents", "stand"),
    [
        ("Write within 45 minutes. 1. Open https://vpn.example.ru [1]" + LISTED, {1: DOCUMENT}, 1),
        ("Write within 46 minutes. Then open it [1]" + LISTED, {1: DOCUMENT}, 0),
        ("Write to help@evil.example [1]", {1: DOCUMENT}, 0),
        ("Write to help@example.ru [1]", {1: None}, 0),
        ("Write within 45 minutes [1]. Pay 7 [2].", {1: DOCUMENT, 2: "Pay 8."}, 1),
        ("Write within 45 minutes and pay 8 [1][2].", {1: DOCUMENT, 2: "Pay 8."}, 2),
        ("Write within 45 minutes." + LISTED, {1: DOCUMENT}, 0),
    ],
)
def test_a_citation_stands_where_its_documents_say_it(text: str, documents: dict[int, str], stand: int) -> None:
    """Figures and links count, a claim's sources together; what nothing cites and what is not there do not stand."""
    assert grounded(text, documents) == stand
