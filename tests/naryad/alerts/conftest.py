"""The parts that work on alerts, on each database."""

import pytest

from naryad.db.session import Database
from tests.naryad.alerts.world import World


@pytest.fixture
def world(database: Database) -> World:
    return World(database)
