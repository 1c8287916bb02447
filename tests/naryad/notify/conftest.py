"""A world for every test of the heralds."""

from pathlib import Path

import pytest
import yaml

from naryad.db.session import Database
from naryad.events import EventLog
from naryad.outbox import Outbox
from tests.naryad.notify.world import ROUTES, World


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    (tmp_path / "notify.yaml").write_text(yaml.safe_dump(ROUTES, allow_unicode=True), encoding="utf-8")
    return World(database, EventLog(database), Outbox(database), tmp_path)
