"""A running shop that leaves no process behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab import processes
from lab.monitor import Monitor
from lab.shop import Shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A started shop, in a folder whose name needs quoting."""
    shop = Shop(tmp_path / "мой shop")
    await shop.start()
    yield shop
    await shop.stop()
    assert processes.marked(shop.lab_id) == []


@pytest.fixture
def monitor(shop: Shop) -> Monitor:
    return Monitor(shop)
