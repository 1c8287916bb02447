"""`naryad handoffs`: how a handoff is called at the terminal."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import handoffs as command
from naryad.db import migrate
from naryad.db.models.thread import Thread
from naryad.db.session import Database
from naryad.errors import NotFound
from naryad.events import EventLog
from naryad.handoffs import Brief, Handoffs
from naryad.tickets.tickets import Tickets


async def test_a_whole_id_is_found_however_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of one is looked for among the newest only."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}")
    await migrate.upgrade(database)
    events = EventLog(database)
    handoffs = Handoffs(database, events, Tickets(database, events))
    async with database.write() as session:
        session.add_all(Thread(id=name, agent="support", principal="account:user") for name in ("old", "new"))
    old, new = [await handoffs.open(name, "i", Brief("Help")) for name in ("old", "new")]
    monkeypatch.setattr(command, "LOOKED_THROUGH", 1)
    crew: Any = SimpleNamespace(handoffs=handoffs)
    assert (await command._of(crew, old.id)).id == old.id
    assert (await command._of(crew, new.id[-8:])).id == new.id
    with pytest.raises(NotFound):
        await command._of(crew, old.id[-8:])
    await database.close()
