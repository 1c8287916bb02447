"""One message about one alert, made plain, short and masked: whatever a monitor sends can be kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from naryad import canonical, masking
from naryad.db.types import storable

LABELS = 50
NAME_CHARS = 100
LABEL_CHARS = 500
TEXT_CHARS = 4_000
URL_CHARS = 2_000
_FIRST = ("alertname", "service", "severity", "instance", "host", "node", "job")
"""Labels that are kept however many there are."""
_COMPARED = re.compile(r"([A-Za-z_:][\w:]{0,200})[^<>=!]{0,500}?(?:==|!=|>=|<=|>|<)\s{0,5}(-?\d[\d.e+-]{0,30})\s*$")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """What a monitor said of one alert.

    Attributes:
        starts_at: When the episode began; None means the one that goes on, or one that begins now.
        resolved: Whether it is over.
        ended_at: When it ended, where that was said.
    """

    fingerprint: str
    starts_at: datetime | None
    resolved: bool
    ended_at: datetime | None
    labels: dict[str, str]
    annotations: dict[str, str]
    source_url: str


def told(
    labels: Mapping[str, str],
    *,
    moment: datetime,
    annotations: Mapping[str, str] | None = None,
    fingerprint: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    resolved: bool = False,
    source_url: str = "",
) -> Told:
    """Take a message as it came.

    Args:
        labels: They name the alert, and are its identity where `fingerprint` is empty.
        moment: When it came: an end that is still to come is none, whatever the status says.
        annotations: Texts about it.
        fingerprint: Its identity, as the monitor knows it.
        starts_at: When the episode began.
        ends_at: When it ended; Alertmanager writes the year 1 where it did not.
        resolved: The status.
        source_url: Where the monitor shows it.
    """
    ended = ends_at if ends_at and _EARLIEST < ends_at <= moment else None
    whole = {str(storable(name)): str(storable(value)) for name, value in labels.items()}
    identity = str(storable(fingerprint)) or canonical.digest(whole)[:16]
    return Told(
        fingerprint=identity if len(identity) <= NAME_CHARS else canonical.digest(identity)[:16],
        starts_at=starts_at if starts_at and starts_at > _EARLIEST else None,
        resolved=resolved or ended is not None,
        ended_at=ended,
        labels=_pairs(whole, LABEL_CHARS),
        annotations=_pairs(annotations or {}, TEXT_CHARS),
        source_url=_text(source_url, URL_CHARS),
    )


def title(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """One line that names it."""
    return " ".join((annotations.get("summary") or labels.get("alertname", "")).split())[:200] or "?"


def metric(labels: Mapping[str, str], annotations: Mapping[str, str], source_url: str) -> dict[str, Any] | None:
    """The metric that the alert tells of, and its threshold: by name, else by the query behind Prometheus's link."""
    named = labels.get("metric") or annotations.get("metric")
    try:
        query = parse_qs(urlsplit(source_url).query).get("g0.expr", [""])[0]
    except ValueError:
        query = ""
    compared = _COMPARED.search(query[:LABEL_CHARS])
    if not named and not compared:
        return None
    found = {"metric": named or (compared[1] if compared else ""), "query": query[:LABEL_CHARS]}
    threshold = annotations.get("threshold") or (compared[2] if compared else "")
    return found | {"threshold": threshold, "value": annotations.get("value", "")}


def _pairs(pairs: Mapping[str, str], chars: int) -> dict[str, str]:
    names = sorted(pairs, key=lambda name: (name not in _FIRST, name))[:LABELS]
    masked: dict[str, str] = masking.in_value(
        {_text(name, NAME_CHARS): _text(pairs[name], chars) for name in names}, masking.secrets
    )
    return masked


def _text(value: str, chars: int) -> str:
    # Masked before it is cut: half a secret is not known as one.
    return masking.secrets(str(storable(value[: 2 * chars])))[:chars]
