"""One thing that people are told of."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened, as far as people are told of it.

    Attributes:
        kind: `incident`, `approval`, `sla`, `security` or `handoff`: what the routes ask for.
        event: Which text it has: `incident.created`.
        subject: What it is about: `incident:<id>`; messages on one subject follow each other.
        severity: How grave.
        service: The service concerned.
        alert: What makes another notice as grave a repetition of this one, within minutes; empty where nothing does.
        facts: What the text shows: JSON.
        link: Where to read more.
        over: Whether this is the end of the matter.
        opens: Whether the chain of escalation begins here.
        into: What goes on where this matter ends: whoever is told of the end must know of that.
    """

    kind: str
    event: str
    subject: str
    severity: str
    service: str = ""
    alert: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    link: str = ""
    over: bool = False
    opens: bool = False
    into: "Notice | None" = None

    def payload(self, lang: str, *, escalated: bool = False) -> dict[str, Any]:
        """As it is stored for a sender."""
        payload = {"kind": self.event, "lang": lang, "subject": self.subject, "facts": self.facts, "link": self.link}
        return payload | {"level": "resolved" if self.over else self.severity, "escalated": escalated}
