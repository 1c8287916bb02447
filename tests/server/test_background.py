"""What works beside the API starts again when it breaks."""

import asyncio
from typing import cast

import pytest
from structlog.testing import capture_logs

from server import background
from server.parts import Parts


async def test_a_piece_that_ran_well_for_long_starts_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of troubles long past are not held against it."""
    monkeypatch.setattr(background, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(background, "LONGEST_PAUSE_S", 0.3)
    monkeypatch.setattr(background, "pieces", lambda _parts: {})
    runs, over = iter([0, 0, 0, 0.5]), asyncio.Event()

    async def piece() -> None:
        seconds = next(runs, None)
        if seconds is None:
            return over.set()
        await asyncio.sleep(seconds)
        raise OSError

    with capture_logs() as logged:
        async with background.at_work(cast(Parts, None), {"piece": piece}):
            await asyncio.wait_for(over.wait(), 30)
    assert [line["pause"] for line in logged] == [0.01, 0.02, 0.04, 0.01]
