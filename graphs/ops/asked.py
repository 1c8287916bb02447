"""What an input asks for, taken from outside: whatever it holds, the run gets plain, short, masked text."""

from collections.abc import Mapping
from typing import Any, TypedDict

from naryad import canonical, masking
from naryad.db.types import storable

LABELS = 50
NAME_CHARS = 100
LABEL_CHARS = 500
TEXT_CHARS = 4_000
TITLE_CHARS = 200


class Alert(TypedDict):
    """One alert of Alertmanager's webhook."""

    labels: dict[str, str]
    annotations: dict[str, str]
    fingerprint: str
    starts_at: str


class Asked(TypedDict):
    """An alert, or else a person's own words."""

    alert: Alert | None
    text: str


def received(alert: Any, text: Any) -> Asked:
    """Take an input as it came; nothing in it can make this fail."""
    return Asked(alert=None if alert is None else _alert(alert), text=_text(text, TEXT_CHARS))


def title(asked: Asked) -> str:
    """One line that names it."""
    alert = asked["alert"]
    words = (alert["annotations"].get("summary") or alert["labels"].get("alertname")) if alert else asked["text"]
    return " ".join((words or "").split())[:TITLE_CHARS] or "?"


def labels(asked: Asked) -> dict[str, str]:
    """The alert's labels; none for a person's words."""
    return asked["alert"]["labels"] if asked["alert"] else {}


def _alert(raw: Any) -> Alert:
    told = raw if isinstance(raw, Mapping) else {}
    known = _pairs(told.get("labels"), LABEL_CHARS)
    return Alert(
        labels=known,
        annotations=_pairs(told.get("annotations"), TEXT_CHARS),
        fingerprint=_text(told.get("fingerprint"), NAME_CHARS) or canonical.digest(known)[:16],
        starts_at=_text(told.get("startsAt"), NAME_CHARS),
    )


def _pairs(raw: Any, chars: int) -> dict[str, str]:
    pairs = list(raw.items() if isinstance(raw, Mapping) else ())[:LABELS]
    found = {_text(name, NAME_CHARS): _text(value, chars) for name, value in pairs}
    masked: dict[str, str] = masking.in_value(found, masking.secrets)
    return masked


def _text(value: Any, chars: int) -> str:
    """A text; what is no text or number says nothing. Masked before it is cut: half a secret is not known as one."""
    if not isinstance(value, str | int | float):
        return ""
    return masking.secrets(str(storable(str(value)[: 2 * chars])))[:chars]
