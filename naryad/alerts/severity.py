"""How grave an alert is."""

from collections.abc import Mapping

from naryad.alerts.rules import Surroundings
from naryad.db.models.incident import Severity

_WORDS = {
    Severity.CRITICAL: ("critical", "crit", "fatal", "emergency", "disaster", "page", "p1", "sev1"),
    Severity.HIGH: ("high", "major", "error", "err", "p2", "sev2"),
    Severity.MEDIUM: ("medium", "warning", "warn", "average", "moderate", "minor", "p3", "sev3"),
    Severity.LOW: ("low", "info", "information", "informational", "notice", "none", "p4", "p5", "sev4"),
}
_OF_WORD = {word: severity for severity, words in _WORDS.items() for word in words}
_ORDER = {severity.value: rank for rank, severity in enumerate(Severity)}


def of_word(word: str) -> Severity | None:
    """What the word for a severity means in whatever monitoring it comes from."""
    return _OF_WORD.get(word.strip().lower())


def classify(labels: Mapping[str, str], around: Surroundings) -> Severity:
    """By the label `severity` (or `priority`); else high where other services stand on this one; else medium."""
    for name in ("severity", "priority"):
        if told := of_word(labels.get(name, "")):
            return told
    return Severity.HIGH if around.carries_others(labels.get("service", "")) else Severity.MEDIUM


def rank(severity: str) -> int:
    """Its place, the gravest first."""
    return _ORDER.get(severity, len(_ORDER))
