"""A line of an incident's timeline, in every language."""

from datetime import datetime
from typing import Any

from naryad.clock import now
from naryad.db.models.incident import Incident
from naryad.i18n import LANGUAGES, _, speaking

LINES = 500
"""Lines of one incident; what comes after them is only in the alerts and events."""


def add(
    incident: Incident, event: str, message: str, /, *, by: str = "", at: datetime | None = None, **values: object
) -> None:
    """Write a line below the others.

    Args:
        incident: Where.
        event: A stable word for programs.
        message: A text marked with `N_`.
        by: The person who did it.
        at: When, if not now.
        values: What the text's places are filled with.
    """
    if len(incident.timeline) >= LINES:
        return
    texts = {}
    for lang in LANGUAGES:
        with speaking(lang):
            texts[lang] = " ".join(_(message).format(**values).split())
    line: dict[str, Any] = {"at": (at or now()).isoformat(), "event": event, "text": texts}
    incident.timeline = [*incident.timeline, line | ({"by": by} if by else {})]
