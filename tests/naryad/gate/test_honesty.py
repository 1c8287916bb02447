"""What is recorded is what was: failures with what they left behind, people by their names, tools by one name."""

from datetime import UTC

import pytest

from naryad.auth import Person, Role
from naryad.db.models.gate import Approval, EffectStatus
from naryad.errors import ToolFailed
from naryad.gate.answer import Answer, Call, Outcome
from naryad.gate.approvals import Verdict
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.testing.counter import CounterTools
from naryad.tooling import Risk, Toolset, tool
from tests.naryad.gate.conftest import OPS, World, fire


def gate_of(world: World, *toolsets: Toolset) -> Gate:
    return Gate(toolsets, PolicyFile(world.policy, UTC), world.database, world.events)


class Halves(Toolset):
    """A tool that fails in the middle, and says what it had done."""

    prefix = "halves"

    async def _nothing(self) -> str:
        return ""

    @tool(Risk.WRITE, confirm="Begin?", preview=_nothing, precondition=_nothing)
    async def begin(self) -> str:
        """Fail midway."""
        raise ToolFailed("the second half failed", data={"changed": ["the first half"]})


async def test_a_failure_keeps_what_is_known(world: World) -> None:
    """The ledger says failed, and code still learns what had been changed."""
    gate = gate_of(world, Halves())
    answer = await gate.advance(Call("c1", "halves_begin", {}), OPS)
    assert isinstance(answer, Answer)
    assert (answer.outcome, answer.data) == (Outcome.FAILED, {"changed": ["the first half"]})
    assert [effect.status for effect in await gate.effects(OPS.thread_id)] == [EffectStatus.FAILED]
    again = await gate.advance(Call("c1", "halves_begin", {}), OPS)
    assert again == answer


async def test_the_audit_names_who_decided(world: World) -> None:
    """A login that looks like an e-mail address is no secret here: it is what the audit is for."""
    asked = await world.gate.advance(fire("mail bob@corp.ru"), OPS)
    assert isinstance(asked, Approval)
    domain_login = Person("oidc:anna@corp.ru", frozenset({Role.OPERATOR}))
    await world.gate.approvals.decide(asked.id, domain_login, Verdict.APPROVE)
    rows = [row.data_json for row in await world.gate.audit.rows()]
    assert any("oidc:anna@corp.ru" in row for row in rows)
    assert not any("bob@corp.ru" in row for row in rows)


def test_two_tools_cannot_share_a_name(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A second toolset cannot take the place of the first one's tool."""
    with pytest.raises(TypeError, match="counter_look"):
        gate_of(world, world.counter, CounterTools(tmp_path_factory.mktemp("other")))
