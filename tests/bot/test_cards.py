"""Cards: whatever can stand in the database can be shown."""

import asyncio
import pkgutil
from enum import Enum
from importlib import import_module

import bot
from naryad.db.models.delivery import DeliveryStatus
from naryad.db.models.incident import Incident, IncidentStatus
from tests.bot.conftest import ANNA, Office


def test_a_table_by_an_enumeration_has_all_of_it() -> None:
    """What is added to an enumeration breaks no card."""
    modules = [import_module(found.name) for found in pkgutil.walk_packages(bot.__path__, "bot.")]
    tables: dict[str, dict[Enum, str]] = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, dict) and value and all(isinstance(key, Enum) for key in value)
    }
    assert {"bot.cards._SEVERITY", "bot.handoff_cards._MARKS"} <= set(tables)
    lacking = {name: {*type(next(iter(table)))} - set(table) for name, table in tables.items()}
    assert lacking == {name: set() for name in tables}


async def test_an_incident_is_shown_wherever_it_stands(office: Office) -> None:
    """In the list, alone and pushed; also the one that somebody has just acknowledged."""
    anna = await office.known(ANNA)
    made = [
        Incident(thread_id=status, fingerprint="", title=f"It is {status}", service="", severity="high", status=status)
        for status in IncidentStatus
    ]
    async with office.crew.runtime.database.write() as session:
        session.add_all(made)
    await office.crew.incidents.acknowledge(made[0].id, "account:1")
    anna.write("/incidents")
    listed = (await anna.hears("/incidents ID shows one."))["text"]
    for one in made:
        assert f"{one.id[-8:]} {one.title}" in listed
        anna.write(f"/incidents {one.id[-8:]}")
        await anna.hears(f"Incident {one.id[-8:]}")
        payload = {"kind": "incident.changed", "incident": one.id, "lang": "en"}
        await office.outbox.put("telegram", str(ANNA), payload, key=one.id, subject=f"incident:{one.id}")
    async with asyncio.timeout(90):
        while len(await office.outbox.listed(DeliveryStatus.SENT)) < len(made):
            await asyncio.sleep(0.02)
