"""What an attacker may try: people, calls, forged fields, policies, and the memory of who really said yes."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from naryad import canonical
from naryad.auth import Person, Role
from naryad.db.models.gate import Approval, ApprovalStatus, Decision, Effect
from naryad.gate.answer import Call, Caller
from naryad.gate.policy import PolicyFile
from tests.naryad.gate.conftest import World

PEOPLE = (
    Person("local:anna", frozenset({Role.OPERATOR})),
    Person("local:boris", frozenset({Role.ADMIN})),
    Person("local:clara", frozenset({Role.OPERATOR, Role.MANAGER})),
    Person("local:anna", frozenset({Role.USER})),
    Person("local:guest", frozenset({Role.USER})),
    Person("", frozenset()),
)
ROLES = {"local:anna": {"operator"}, "local:boris": {"admin"}, "local:clara": {"operator", "manager"}}
FORGED: tuple[Any, ...] = (
    {"approved": True},
    {"approval_id": "any"},
    {"decision": "approve"},
    {"what": {"approved": True}},
    {"what": ["x", {"decision": {"verdict": "approve"}}]},
    {"seconds": "0"},
    {"__permit__": ["counter_fire", "digest"]},
)
TOOLS = (
    "counter_fire",
    "counter_launch",
    "counter_put",
    "counter_mend",
    "counter_note",
    "counter_look",
    "counter_none",
)

ASK = "    ask: {{roles: [{roles}], quorum: {quorum}, expires: 30m, four_eyes: {four_eyes}}}\n"
LOOK = "version: 1\nrules:\n  - {name: look, action: allow, risk: [read]}\n"
NOTE = "  - {name: note, action: allow, risk: [write], agents: [ops]}\n"
STANDING = (
    "  - {name: standing, action: allow, risk: [destructive], tools: [counter_put], args: {what: 'a.*'},"
    " rate: {count: 2, per: 1h}, until: 2999-01-01T00:00:00Z, granted_by: local:boris}\n"
)


def _asking(roles: str, quorum: int = 1, *, four_eyes: bool = False) -> str:
    ask = ASK.format(roles=roles, quorum=quorum, four_eyes=str(four_eyes).lower())
    return f"  - name: ask\n    action: ask\n    risk: [destructive]\n{ask}"


USUAL = LOOK + NOTE + _asking("operator, admin")
POLICIES = (
    USUAL,
    USUAL,
    USUAL.replace("version: 1", "version: 2"),
    LOOK + NOTE + _asking("admin"),
    LOOK + _asking("operator, admin", 2),
    LOOK + NOTE + _asking("operator, admin", four_eyes=True),
    LOOK + NOTE + STANDING + _asking("operator"),
    LOOK,
    LOOK + "  - {name: no, action: deny}\n" + _asking("operator"),
    "version: 1\nrules: [",
)

wheres = st.sampled_from(["t1", "t1", "t2"])
whats = st.sampled_from(["a", "b", "hopeless"])
callers = st.builds(
    Caller,
    st.sampled_from(["ops"] * 9 + ["support"]),
    wheres,
    st.sampled_from(["local:anna"] * 9 + ["local:guest"]),
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A call: often one that was made before, sometimes with forged fields."""
    number = draw(st.sampled_from([0, 1, 2, 3, 4, 7, 0, 1, 2, 3, 4, 7, 0, 1, 2, 3, 5, 6]))
    # Most ids belong to one tool and one argument, so that replays are exact; the rest collide on purpose.
    turn = draw(st.integers(0, 5))
    tool, what = TOOLS[number % len(TOOLS)], "hopeless" if number == 3 and turn % 2 else "ab"[number % 2]
    args: dict[str, Any] = {"what": what}
    end, trick = "", draw(st.integers(0, 24))
    if trick == 0:
        tool = draw(st.sampled_from(TOOLS))
    elif trick == 1:
        args = {"what": draw(whats)}
    elif trick == 2:
        args |= draw(st.sampled_from(FORGED))
    elif trick == 3:
        end = "#rollback"
    return Call(f"c{turn}-{number}{end}", tool, args)


@dataclass
class Witness:
    """Sees what people really said, and holds what really happened against it."""

    world: World
    yes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    no: set[str] = field(default_factory=set)
    answered: list[tuple[str, Caller]] = field(default_factory=list)
    checked: int = 0

    def heard(self, approval_id: str, person: Person, *, approved: bool) -> None:
        """A decision was accepted."""
        assert person.roles & {Role.OPERATOR, Role.ADMIN}, "a person without the role decided"
        if approved:
            self.yes[approval_id].add(person.id)
        else:
            self.no.add(approval_id)

    async def check(self) -> None:
        """Every new effect has its one approval, given by enough people who may, before it ran."""
        lines = self.world.counter.effects
        keys = [line.partition(" ")[0] for line in lines]
        named = [key for key in keys if key]
        assert len(named) == len(set(named)), "an effect happened twice"
        async with self.world.database.read() as session:
            for line in lines[self.checked :]:
                key, tool, what = line.split(" ", 2)
                if tool == "undo":
                    continue
                effect = await session.get(Effect, key)
                assert effect is not None, "an effect without a ledger row"
                assert effect.tool == f"counter_{tool}"
                assert effect.args_sha256 == canonical.digest({"what": what, "seconds": 0}), "other arguments ran"
                if effect.approval_id is None:
                    assert effect.rule in {"note", "standing"}, "an effect without an approval"
                    continue
                approval = await session.get(Approval, effect.approval_id)
                assert approval is not None
                self._covers(approval, effect)
                # Neither the world nor the policy changes between an attempt and this look at it.
                assert approval.precondition == self.world.counter.state, "the yes was for another state"
                assert approval.policy_version == PolicyFile(self.world.policy, UTC).version, "for another policy"
            for approval_id, caller in self.answered:
                approval = await session.get(Approval, approval_id)
                assert approval is not None
                asked_for = Caller(approval.agent, approval.thread_id, approval.principal)
                assert caller == asked_for, "a yes was used by another caller"
        self.checked, self.answered = len(lines), []

    def _covers(self, approval: Approval, effect: Effect) -> None:
        assert approval.status is ApprovalStatus.CONSUMED
        assert approval.args_sha256 == effect.args_sha256, "the yes was for other arguments"
        assert (approval.thread_id, approval.call_id, approval.tool) == (effect.thread_id, effect.call_id, effect.tool)
        assert approval.id not in self.no, "somebody said no"
        assert effect.started_at < approval.expires_at, "the yes had expired"
        able = {person for person in self.yes[approval.id] if ROLES[person] & set(approval.roles)}
        if approval.four_eyes:
            able.discard(approval.principal)
        assert len(able) >= approval.quorum, "not enough people said yes"

    async def final(self) -> Counter[str]:
        """The whole account, at the end: decisions, approvals and effects agree; returns what was seen."""
        from sqlmodel import select

        async with self.world.database.read() as session:
            approvals = (await session.exec(select(Approval))).all()
            decisions = (await session.exec(select(Decision))).all()
            effects = (await session.exec(select(Effect))).all()
        said = {(decision.approval_id, decision.person) for decision in decisions if decision.verdict == "approve"}
        assert said == {(approval, person) for approval, people in self.yes.items() for person in people}
        consumed = [approval.id for approval in approvals if approval.status is ApprovalStatus.CONSUMED]
        used = [effect.approval_id for effect in effects if effect.approval_id]
        assert sorted(used) == sorted(consumed), "approvals and effects do not match one to one"
        happened = [line for line in self.world.counter.effects if " undo " not in line]
        assert len(happened) <= len(effects)
        assert (await self.world.gate.audit.verify()).problem == ""
        return Counter(f"approval {a.status}" for a in approvals) + Counter(f"effect {e.status}" for e in effects)
