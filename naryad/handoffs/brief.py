"""What a person must know to go on where the agent stopped."""

from dataclasses import asdict, dataclass, field
from typing import Any

from naryad import masking
from naryad.db.models.ticket import Priority
from naryad.i18n import N_

LINE_CHARS, LINES = 1_000, 50
SHOWN = (N_("open"), N_("taken"), N_("returned"), N_("critical"), N_("high"), N_("medium"), N_("low"))
"""The words of a handoff's status and urgency, as people are shown them."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What a person must know to go on from here.

    Attributes:
        summary: What is wanted, in a sentence or two.
        tried: What was done about it, in order.
        urgency: How soon: `critical`, `high`, `medium` or `low`.
        contact: How the person can be reached, where they said so.
        reason: Why the agent gave up: their wish, anger, repeated failure.
    """

    summary: str
    tried: list[str] = field(default_factory=list)
    urgency: str = Priority.MEDIUM
    contact: str = ""
    reason: str = ""

    def columns(self, title: str) -> dict[str, Any]:
        """As it is kept: secrets masked, and no more than a person reads; without a summary the thread's title is."""
        told: dict[str, Any] = masking.in_value(asdict(self), masking.secrets)
        told["summary"] = told["summary"] or title
        cut = {name: value[:LINE_CHARS] if isinstance(value, str) else value for name, value in told.items()}
        tried = [str(line)[:LINE_CHARS] for line in told["tried"][:LINES]]
        return cut | {"tried": tried, "urgency": Priority(self.urgency)}
