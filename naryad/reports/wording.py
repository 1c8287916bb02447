"""Figures as people read them."""

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from naryad.db.models.report import ReportKind
from naryad.i18n import N_, _
from naryad.reports.figures import Figures

NOTHING = "—"
SEVERITIES = {"critical": N_("Critical"), "high": N_("High"), "medium": N_("Medium"), "low": N_("Low")}


def number(value: float | None, lang: str, digits: int = 1) -> str:
    """A number with so many digits behind the comma."""
    if value is None:
        return NOTHING
    text = f"{value:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return text.replace(".", ",") if lang == "ru" else text


def count(value: int) -> str:
    """A whole number, its thousands apart."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def share(value: float | None, lang: str, digits: int = 1) -> str:
    """A share from 0 to 1, in percent, rounded down: what is not whole never looks whole."""
    if value is None:
        return NOTHING
    scale = 10**digits
    return f"{number(math.floor(round(value * 100 * scale, 6)) / scale, lang, digits)}\N{NO-BREAK SPACE}%"


def duration(seconds: float | None) -> str:
    """A length of time, in its two largest units."""
    if seconds is None:
        return NOTHING
    units = ((_("d"), 86_400), (_("h"), 3_600), (_("min"), 60), (_("s"), 1))
    left, parts = round(seconds), []
    for name, size in units:
        if left >= size:
            parts.append(f"{left // size}\N{NO-BREAK SPACE}{name}")
            left %= size
    return " ".join(parts[:2]) or f"0\N{NO-BREAK SPACE}{_('s')}"


def moment(at: datetime, timezone: str) -> str:
    """A moment in the report's time zone."""
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def title(figures: Figures) -> str:
    """What the report is called: its kind and its days."""
    first = figures.first_day
    if figures.kind is ReportKind.DAILY:
        return _("Report for {day}").format(day=first.isoformat())
    last = first + timedelta(days=6)
    return _("Report for the week from {first} to {last}").format(first=first.isoformat(), last=last.isoformat())
