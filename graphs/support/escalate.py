"""Calling a person: why, how soon, and what the user is told."""

from typing import Any

from graphs.support.state import SupportState
from naryad.i18n import N_, _

WISH, ANGER, REPEATED, NOT_HELPED, GUIDE, NO_TICKET = (
    N_("The user asks for a person."),
    N_("The user is angry."),
    N_("The same question could not be answered twice."),
    N_("What was answered did not help, more than once."),
    N_("The instruction was gone through and did not help."),
    N_("A ticket was wanted and could not be opened."),
)
_URGENCY = {ANGER: "high"}


async def escalate(state: SupportState) -> dict[str, Any]:
    """Say that a person takes over; the handoff is opened as that is said."""
    reason = state["reason"] or WISH
    sorry = _("I am sorry about this trouble.") if reason == ANGER else ""
    told = _("I am handing this over to a person, who sees what was said and tried here and will answer you here.")
    return {
        "reason": _(reason),
        "reply": " ".join(filter(None, [sorry, told])),
        "outcome": "escalated",
        "facts": {"urgency": _URGENCY.get(reason, "medium")},
    }
