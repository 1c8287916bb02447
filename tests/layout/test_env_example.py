"""`.env.example` tells every setting with its true default, and nothing else is read."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from naryad.settings import Settings
from tests.layout.guards import ROOT

EXAMPLE = re.findall(r"^# ([A-Z][A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_example_names_every_setting_once() -> None:
    """Each variable of the settings stands in the example, each once."""
    assert sorted(name for name, _ in EXAMPLE) == sorted(field.alias or "" for field in Settings.model_fields.values())


@pytest.mark.parametrize(("name", "value"), EXAMPLE)
def test_the_example_shows_the_default(name: str, value: str) -> None:
    """What the example shows is what holds without it; an empty value stands for none or a computed one."""
    field = next(field for field in Settings.model_fields.values() if field.alias == name)
    default = field.default if field.default_factory is None else None
    assert not isinstance(default, SecretStr)
    assert value == ("" if default is None else str(default).lower() if isinstance(default, bool) else str(default))


def test_only_documented_variables_are_read(monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    """Names that mean something else to the system, such as LANG and HOME, configure nothing here."""
    monkeypatch.delenv("NARYAD_HOME")
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), f"/{name}")
        if (alias := Settings.model_fields[name].alias) and alias.lower() == name:
            monkeypatch.delenv(name.upper())
    settings = Settings()
    assert settings.lang == "ru"
    assert settings.home != Path("/home")
    assert settings.model == ""
