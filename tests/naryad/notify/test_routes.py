"""The routes file: what it may say, what is wrong in it, and no secret in any error."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from naryad.errors import ConfigError
from naryad.notify import routes
from naryad.notify.routes import Recipient
from naryad.settings import Settings

MOSCOW = ZoneInfo("Europe/Moscow")
GOOD = """\
recipients:
  - name: anna
    email: anna@example.ru
    role: operator
    language: ru
    quiet_hours: "22:00-08:00"
    addresses:
      sms: twilio://AC0123456789012345678901234567890123:0123456789abcdef0123456789abcdef@15551112222/79991112233
routes:
  - kinds: [incident, sla]
    severities: [critical]
    services: ["shop-*"]
    to: [anna, slack]
    escalate:
      - {after_minutes: 10, to: [anna]}
"""


def read(text: str, home: Path) -> routes.Routes:
    home.mkdir(parents=True, exist_ok=True)
    (home / "notify.yaml").write_text(text, encoding="utf-8")
    return routes.load(Settings(NARYAD_HOME=home, ENABLE_SLACK_NOTIFICATIONS=True, SLACK_WEBHOOK_URL="https://s"))


def test_the_file_is_read(alone: Path) -> None:
    """People come from the file, the rooms from the environment; an address is found by its name only."""
    known = read(GOOD, alone)
    assert [recipient.name for recipient in known.recipients] == ["anna", "slack"]
    assert known.recipients[0].ways == ["email", "sms"]
    assert (known.address("anna/sms") or "").startswith("twilio://")
    assert known.address("anna/nothing") is known.address("nobody/sms") is None
    assert "0123456789abcdef" not in repr(known)


@pytest.mark.parametrize(
    ("before", "after", "line", "field"),
    [
        ("language: ru", "language: de", 5, "recipients.0.language"),
        ("22:00-08:00", "22:00-25:00", 6, "recipients.0.quiet_hours"),
        ("twilio://", "nonsense://", 7, "recipients.0.addresses"),
        ("to: [anna, slack]", "to: [anna, boris]", 13, "routes.0.to.1"),
        ("to: [anna]}", "to: [boris]}", 15, "routes.0.escalate.0.to.0"),
        ("kinds: [incident, sla]", "kinds: [incident, slo]", 10, "routes.0.kinds.1"),
        ("after_minutes: 10", "after_minutes: 0", 15, "routes.0.escalate.0.after_minutes"),
        ("name: anna", "name: slack", 2, "recipients.0.name"),
        ("role: operator", "rôle: operator", 4, "recipients.0.rôle"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_without_secrets(
    alone: Path, before: str, after: str, line: int, field: str
) -> None:
    """Line and field say where; what stands in an address is not repeated."""
    with pytest.raises(ConfigError) as wrong:
        read(GOOD.replace(before, after, 1), alone)
    assert (wrong.value.line, wrong.value.field) == (line, field)
    chain: BaseException | None = wrong.value
    while chain:
        assert "0123456789abcdef" not in f"{chain} {chain!r}"
        chain = chain.__cause__


def test_without_a_file_what_is_grave_is_told(alone: Path) -> None:
    """The defaults name Slack, PagerDuty and the operators' mail."""
    known = routes.load(
        Settings(NARYAD_HOME=alone, ENABLE_PAGERDUTY=True, PAGERDUTY_ROUTING_KEY="R0123456789ABCDEF0123456789ABCDE")
    )
    to = {
        severity: [
            name for route in known.routes if route.fits(routes.Kind.INCIDENT, severity, "") for name in route.to
        ]
        for severity in ("critical", "high", "low")
    }
    assert to == {"critical": ["slack", "pagerduty"], "high": ["slack"], "low": []}
    assert [recipient.name for recipient in known.recipients] == ["pagerduty"]


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        ("22:00-08:00", "2026-11-21 23:30", "2026-11-22 08:00"),
        ("22:00-08:00", "2026-11-22 03:00", "2026-11-22 08:00"),
        ("22:00-08:00", "2026-11-22 08:00", None),
        ("22:00-08:00", "2026-11-22 21:59", None),
        ("12:00-14:00", "2026-11-22 12:00", "2026-11-22 14:00"),
        ("12:00-14:00", "2026-11-22 14:30", None),
        ("", "2026-11-22 03:00", None),
    ],
)
def test_quiet_hours_are_in_the_install_s_zone(hours: str, at: str, until: str | None) -> None:
    """They may go over midnight; their last minute is not quiet any more."""
    moment = datetime.fromisoformat(at).replace(tzinfo=MOSCOW)
    found = Recipient(name="anna", quiet_hours=hours).quiet_until(moment.astimezone(ZoneInfo("UTC")), MOSCOW)
    assert (f"{found:%Y-%m-%d %H:%M}" if found else None) == until
