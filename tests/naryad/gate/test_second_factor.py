"""Where the policy wants a second factor, nobody decides without it: not by a yes, a no or an edit, in any channel."""

from dataclasses import replace

import pytest

from naryad.auth import Person, local_person
from naryad.db.models.gate import ApprovalStatus
from naryad.errors import Refused
from naryad.gate.approvals import Verdict
from tests.naryad.gate.conftest import ANNA, BORIS, World

POLICY = """version: 1
rules:
  - {name: emergency, action: ask, ask: {second_factor: true}}
"""


@pytest.mark.parametrize("person", [ANNA, BORIS, local_person()], ids=["operator", "administrator", "terminal"])
async def test_nobody_decides_without_a_second_factor(world: World, person: Person) -> None:
    """The one at the terminal neither, nor whoever linked a Telegram account."""
    world.policy.write_text(POLICY)
    asked = await world.ask()
    for verdict in Verdict:
        with pytest.raises(Refused):
            await world.gate.approvals.decide(asked.id, person, verdict)
    with pytest.raises(Refused):
        await world.gate.edit(asked.id, {"what": "y"}, person)
    found = await world.ask()
    assert (found.id, found.status, world.effects) == (asked.id, ApprovalStatus.PENDING, [])


async def test_whoever_shows_it_decides(world: World) -> None:
    """And the effect happens once."""
    world.policy.write_text(POLICY)
    asked = await world.ask()
    await world.gate.approvals.decide(asked.id, replace(ANNA, second_factor=True), Verdict.APPROVE)
    assert (await world.answer()).ok
    assert world.effects == ["fire x"]
