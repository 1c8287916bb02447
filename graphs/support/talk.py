"""Small talk, and the words between two questions."""

from typing import Any

from graphs.support.signs import Sign, Whole, Words
from graphs.support.state import SupportState
from naryad.i18n import _


async def talk(state: SupportState) -> dict[str, Any]:
    """Answer in a sentence or two."""
    words = Words(state["said"]["text"])
    if state["hint"] == "sorry":
        told = _("I am sorry. Tell me more about what you see, or write «person», and I will call one.")
        return {"outcome": "not_helped", "reply": told}
    if words.only(Whole.THANKS) or words.has(Sign.HELPED):
        told = _("You are welcome! I am here if anything else comes up.")
    elif words.only(Whole.FAREWELL):
        told = _("Goodbye! Write whenever you need help.")
    elif words.only(Whole.NO) or words.only(Whole.STOP):
        told = _("All right. I am here if anything else comes up.")
    else:
        told = _("Hello! Ask me about the company's IT: I answer from the documents, open tickets and call a person.")
    return {"outcome": "talk", "offered": "", "failed": 0, "reply": told}
