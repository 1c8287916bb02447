"""The check-up: what works, what does not, and what to do."""

from pathlib import Path

import pytest

from agents.checkup import checkup
from naryad.settings import Settings
from tools.registry import Check


def by_name(found: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in found}


async def test_an_empty_install_is_well(alone: Path) -> None:
    """Nothing configured is nothing broken; what is missing says what it would take."""
    found = by_name(await checkup(Settings()))
    assert {name for name, check in found.items() if check.reachable is False} == set()
    assert (found["sqlite"].reachable, found["model"].configured, found["prometheus"].configured) == (
        True,
        False,
        False,
    )
    assert "OPENAI_API_KEY" in found["model"].hint


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("PROMETHEUS_URL", "http://127.0.0.1:9", "prometheus"),
        ("IMAP_HOST", "127.0.0.1", "imap"),
        ("SMTP_HOST", "127.0.0.1", "smtp"),
        ("DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:9/x", "postgresql"),
        ("DATABASE_URL", "mysql://u:hunter2@127.0.0.1/x", "sqlite"),
        ("NARYAD_MODEL", "local", "model"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1", "openai: gpt-4.1-mini"),
        ("ANSIBLE_INVENTORY", "/nonexistent/inventory.yaml", "ansible"),
        ("NARYAD_SERVICES", "/nonexistent/services.yaml", "services"),
        ("NARYAD_POLICY", "/nonexistent/policy.yaml", "policy"),
        ("NARYAD_RUNBOOKS", "/nonexistent/runbooks", "runbooks"),
        ("NARYAD_CALENDAR", "/nonexistent/calendar.yaml", "calendar"),
        ("NARYAD_NOTIFY", "/nonexistent/notify.yaml", "notify"),
    ],
)
async def test_what_does_not_answer_is_named(
    alone: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, name: str
) -> None:
    """One broken integration is named with a hint that repeats no secret, and the others are still checked."""
    monkeypatch.setenv(setting, value)
    found = by_name(await checkup(Settings()))
    assert (found[name].configured, found[name].reachable, bool(found[name].hint)) == (True, False, True)
    assert "hunter2" not in found[name].hint
    assert found["sqlite" if name == "runbooks" else "runbooks"].reachable


@pytest.mark.parametrize(
    ("name", "text"),
    [("sla", "wrong: 1"), ("trackers", "wrong: 1"), ("prices", "{currency: RUB, models: {}, wrong: 1}")],
)
async def test_a_file_with_a_mistake_is_named(alone: Path, name: str, text: str) -> None:
    """A server would not start with it."""
    alone.mkdir(parents=True, exist_ok=True)
    (alone / f"{name}.yaml").write_text(text)
    found = by_name(await checkup(Settings()))
    assert {one for one, check in found.items() if check.reachable is False} == {name}
    assert "wrong" in found[name].hint
