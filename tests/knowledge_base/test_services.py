"""The service catalogue: read strictly, found by name."""

from pathlib import Path

import pytest

from knowledge_base import services
from naryad.errors import ConfigError, NotFound

GOOD = (
    "services:\n  - {name: web, unit: web, process: web, depends_on: [store]}\n  - {name: store, unit: s, process: s}\n"
)


def test_a_service_is_found_by_name(tmp_path: Path) -> None:
    """What people wrote is what is found; another name is refused with those there are."""
    path = tmp_path / "services.yaml"
    path.write_text(GOOD, encoding="utf-8")
    catalogue = services.load(path)
    assert catalogue.get("web").depends_on == ["store"]
    with pytest.raises(NotFound, match="web, store"):
        catalogue.get("db")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("store]", "db]", 1),
        ("name: store", "name: web", 1),
        ("unit: s,", "unit: s, port: 99999,", 3),
        ("web, unit", "Web!, unit", 2),
    ],
)
def test_a_malformed_catalogue_is_refused(tmp_path: Path, old: str, new: str, line: int) -> None:
    """Unknown dependencies, double names, impossible ports: refused with the line."""
    path = tmp_path / "services.yaml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        services.load(path)
    assert caught.value.line == line
