"""The policy: what is not allowed is denied, and the first rule that fits decides."""

import asyncio
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from naryad.db.models.gate import ApprovalStatus
from naryad.errors import ConfigError
from naryad.gate import judge, ledger, replies
from naryad.gate.answer import Answer, Call, Caller, Outcome
from naryad.gate.policy import DEFAULT, Action, Facts, PolicyFile
from naryad.tooling import Risk
from tests.naryad.gate.conftest import OPS, Build, World, fire

STANDING = """
version: 1
rules:
  - name: self-healing
    action: allow
    agents: [ops]
    tools: [counter_fire]
    risk: [destructive]
    args: {what: 'x.*'}
    rate: {count: 3, per: 1h}
    until: 2999-01-01T00:00:00Z
    granted_by: local:boris
  - {name: people, action: ask, risk: [destructive]}
"""


def policy(tmp_path: Path, rules: str, zone: Any = UTC) -> PolicyFile:
    path = tmp_path / "rules.yaml"
    path.write_text(f"version: 1\nrules:\n{rules}")
    return PolicyFile(path, zone)


def facts(**given: Any) -> Facts:
    usual = {"agent": "ops", "principal": "local:anna", "tool": "counter_fire", "risk": Risk.DESTRUCTIVE, "args": {}}
    return Facts(**{**usual, **given})


def decided(file: PolicyFile, moment: datetime | None = None, **given: Any) -> str:
    """The first rule's name; empty where none fits."""
    moment = moment or datetime(2026, 3, 4, 12, tzinfo=UTC)
    return next((ruling.rule.name for ruling in file.fitting(facts(**given), moment)), "")


async def test_what_no_rule_allows_is_denied(world: World) -> None:
    """An empty policy denies everything, reads too."""
    world.policy.write_text("version: 1\nrules: []\n")
    for tool in ("counter_look", "counter_note", "counter_fire"):
        answer = await world.answer(Call(tool, tool, {"what": "x"}))
        assert (answer.outcome, "no rule allows it" in answer.text) == (Outcome.DENIED, True)
    assert world.effects == []


async def test_the_shipped_policy_looks_notes_and_asks(world: World) -> None:
    """Out of the box: reads run, own records are written by the agents listed, the rest is asked about."""
    assert (await world.answer(Call("w", "counter_note", {"what": "x"}))).ok
    assert (await world.answer(Call("r", "counter_look", {}))).ok
    assert (await world.ask(Call("v", "counter_note", {"what": "y"}))).provenance == {"what": "model"}
    stranger = Caller("stranger", "thread-9", "local:anna")
    assert (await world.answer(Call("w", "counter_note", {"what": "x"}), stranger)).outcome is Outcome.DENIED
    assert (await world.ask()).roles == ["operator", "admin"]


def test_the_first_rule_that_fits_decides(tmp_path: Path) -> None:
    """Later rules are not looked at, whatever they say."""
    file = policy(
        tmp_path,
        "  - {name: one, action: deny, tools: [counter_fire], args: {what: 'prod.*'}}\n"
        "  - {name: two, action: ask, agents: ['o*'], principals: ['local:*']}\n"
        "  - {name: three, action: deny}\n",
    )
    assert decided(file, args={"what": "prod-db"}) == "one"
    assert decided(file, args={"what": "test-db"}) == "two"
    assert decided(file, agent="sales") == "three"
    assert decided(file, principal="tg:1") == "three"


@pytest.mark.parametrize(
    ("args", "fits"),
    [
        ({"target": {"host": "web-1"}, "n": 3}, True),
        ({"target": {"host": "web-11"}, "n": 3}, False),
        ({"target": {"host": "web-1 "}, "n": 3}, False),
        ({"target": {"host": "web-1\n"}, "n": 3}, False),
        ({"target": {"host": ["web-1"]}, "n": 3}, False),
        ({"target": "web-1", "n": 3}, False),
        ({"target": {}, "n": 3}, False),
        ({"target": {"host": "web-1"}, "n": 30}, False),
        ({"target": {"host": "web-1"}, "n": "3"}, True),
        ({"n": 3}, False),
    ],
)
def test_an_argument_must_fit_wholly(tmp_path: Path, args: dict[str, Any], fits: bool) -> None:
    """A pattern speaks of the whole argument, also inside objects; what is absent does not fit."""
    file = policy(tmp_path, "  - {name: narrow, action: ask, args: {target.host: 'web-[0-9]', n: '[0-9]'}}\n")
    assert bool(decided(file, args=args)) is fits


def test_a_line_break_slips_past_no_ban_and_widens_no_permission(tmp_path: Path) -> None:
    """`.` means any character where a rule forbids, and any but a line break where it allows."""
    file = policy(
        tmp_path,
        "  - {name: ban, action: deny, args: {what: '.*prod.*'}}\n"
        "  - {name: permit, action: allow, risk: [write], args: {what: 'web.*'}}\n",
    )
    assert decided(file, args={"what": "x\nprod\n"}) == "ban"
    assert decided(file, risk=Risk.WRITE, args={"what": "web-1"}) == "permit"
    assert decided(file, risk=Risk.WRITE, args={"what": "web-1\nrm -rf /"}) == ""


NIGHT = "  - {name: night, action: ask, hours: '22:00-06:00', days: [fri]}\n"
DAY = "  - {name: day, action: ask, hours: '09:00-18:00', days: [mon, tue, wed, thu, fri]}\n"
MOSCOW, NEW_YORK = ZoneInfo("Europe/Moscow"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("rule", "zone", "moment", "fits"),
    [
        (NIGHT, UTC, "2026-03-06T21:59:59Z", False),
        (NIGHT, UTC, "2026-03-06T22:00:00Z", True),
        (NIGHT, UTC, "2026-03-07T05:59:59Z", True),  # Saturday morning: the night that began on Friday
        (NIGHT, UTC, "2026-03-07T06:00:00Z", False),
        (NIGHT, UTC, "2026-03-06T05:00:00Z", False),  # Friday morning: the night that began on Thursday
        (NIGHT, UTC, "2026-03-07T23:00:00Z", False),
        (NIGHT, MOSCOW, "2026-03-06T18:59:00Z", False),
        (NIGHT, MOSCOW, "2026-03-06T19:00:00Z", True),
        (NIGHT, MOSCOW, "2026-03-07T02:59:00Z", True),
        (NIGHT, MOSCOW, "2026-03-07T03:00:00Z", False),
        (DAY, UTC, "2026-03-06T09:00:00Z", True),
        (DAY, UTC, "2026-03-06T18:00:00Z", False),
        (DAY, UTC, "2026-03-07T12:00:00Z", False),
        (DAY, MOSCOW, "2026-03-06T15:00:00Z", False),
        (DAY, NEW_YORK, "2026-03-06T13:59:00Z", False),  # 08:59 in winter
        (DAY, NEW_YORK, "2026-03-09T13:00:00Z", True),  # 09:00 in summer: the clocks changed on the 8th
    ],
)
def test_hours_are_those_of_the_zone(tmp_path: Path, rule: str, zone: Any, moment: str, fits: bool) -> None:
    """Hours and days are local; a night belongs to the day on which it began."""
    assert bool(decided(policy(tmp_path, rule, zone), datetime.fromisoformat(moment))) is fits


async def test_a_standing_approval_is_narrow(world: World) -> None:
    """It covers what it names, for the agent it names; the rest is asked about."""
    world.policy.write_text(STANDING)
    assert (await world.answer(fire("x1"))).ok
    assert (await world.ask(fire("y1", "c2"))).status is ApprovalStatus.PENDING
    assert (await world.ask(Call("c3", "counter_launch", {"what": "x1"}))).status is ApprovalStatus.PENDING
    other = await world.gate.advance(fire("x1", "c4"), Caller("support", "thread-2", "local:anna"))
    assert not isinstance(other, Answer)
    rows = await world.gate.audit.rows()
    assert [row.rule for row in rows if row.event == "effect.started"] == ["self-healing"]
    assert world.effects == ["fire x1"]


async def test_a_standing_approvals_rate_holds_under_a_rush(build: Build) -> None:
    """Of thirty calls at once in two processes as many run as the rate allows; the others are asked about."""
    worlds = [build(), build()]
    worlds[0].policy.write_text(STANDING)
    steps = await asyncio.gather(*(worlds[n % 2].gate.advance(fire(f"x{n}", f"c{n}"), OPS) for n in range(30)))
    assert Counter(isinstance(step, Answer) and step.ok for step in steps) == {True: 3, False: 27}
    assert len(worlds[0].effects) == 3


async def test_a_reads_rate_holds_under_a_rush(build: Build) -> None:
    """A rate limits tools without effect too."""
    worlds = [build(), build()]
    worlds[0].policy.write_text(
        "version: 1\nrules:\n  - {name: few, action: allow, risk: [read], rate: {count: 4, per: 1h}}\n"
    )
    looks = (worlds[n % 2].answer(Call(f"c{n}", "counter_look", {})) for n in range(20))
    outcomes = Counter(answer.outcome for answer in await asyncio.gather(*looks))
    assert outcomes == {Outcome.DONE: 4, Outcome.DENIED: 16}


async def test_a_rate_recovers_and_a_standing_approval_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate counts a sliding window; after its last day a standing approval allows nothing."""
    world.policy.write_text(STANDING)
    later = timedelta()
    for module in (judge, ledger, replies):
        monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + later)
    for n in range(3):
        assert (await world.answer(fire("x", f"a{n}"))).ok
    await world.ask(fire("x", "b"))
    later = timedelta(minutes=59)
    await world.ask(fire("x", "c"))
    later = timedelta(minutes=61)
    assert (await world.answer(fire("x", "d"))).ok
    later = timedelta(days=366_000)
    await world.ask(fire("x", "e"))
    assert len(world.effects) == 4


async def test_an_edit_of_the_policy_counts_at_once(world: World) -> None:
    """The next call is judged by the file as it is now, even if the edit kept its size and its time."""
    assert (await world.answer(Call("a", "counter_note", {"what": "x"}))).ok
    stat = world.policy.stat()
    text = world.policy.read_text()
    world.policy.write_text(text.replace("[ops, support, sales]", "[opz, support, sales]"))
    os.utime(world.policy, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (await world.answer(Call("b", "counter_note", {"what": "x"}))).outcome is Outcome.DENIED
    world.policy.write_text(text)
    assert (await world.answer(Call("c", "counter_note", {"what": "x"}))).ok


@pytest.mark.parametrize("broken", ["rules: [", "version: 1\nrules: no\n", "", None])
async def test_a_broken_edit_denies(world: World, broken: str | None) -> None:
    """While the file cannot be read nothing is allowed, approved calls neither; the answer says where it is wrong."""
    await world.approved()
    text = world.policy.read_text()
    if broken is None:
        world.policy.unlink()
    else:
        world.policy.write_text(broken)
    for call in (fire(), Call("r", "counter_look", {})):
        for _ in range(2):
            answer = await world.answer(call)
            assert (answer.outcome, str(world.policy) in answer.text) == (Outcome.DENIED, True)
    assert world.effects == []
    world.policy.write_text(text)
    assert (await world.answer()).ok


FILES = {
    "not YAML": ("version: 1\nrules: [", 2, ""),
    "a tab": ("version: 1\nrules:\n\t- name: x\n", 3, ""),
    "no mapping": ("- a\n- b\n", 1, ""),
    "empty": ("", None, ""),
    "no version": ("rules: []\n", 1, "version"),
    "version zero": ("version: 0\nrules: []\n", 1, "version"),
    "no list of rules": ("version: 1\nrules: all\n", 2, "rules"),
    "two of a name": ("version: 1\nrules:\n  - {name: x, action: deny}\n  - {name: x, action: deny}\n", 1, ""),
    "no action": ("version: 1\nrules:\n  - name: x\n", 3, "rules.0.action"),
    "an action said twice": ("version: 1\nrules:\n  - name: x\n    action: deny\n    action: allow\n", 5, "action"),
    "rules said twice": ("version: 1\nrules: []\nrules: []\n", 3, "rules"),
}
BODIES = {
    "an unknown field": ("tool: [a]", 5, "rules.0.tool"),
    "an unknown risk": ("risk: [mild]", 5, "rules.0.risk.0"),
    "an unknown role": ("ask: {roles: [king]}", 5, "rules.0.ask.roles.0"),
    "nobody to ask": ("ask: {roles: []}", 5, "rules.0.ask.roles"),
    "no quorum": ("ask: {quorum: 0}", 5, "rules.0.ask.quorum"),
    "a wrong duration": ("ask: {expires: soon}", 5, "rules.0.ask.expires"),
    "a rate of nothing": ("rate: {count: 0, per: 1h}", 5, "rules.0.rate.count"),
    "wrong hours": ("hours: 9-18", 5, "rules.0.hours"),
    "no such hour": ("hours: 09:00-25:00", 5, "rules.0.hours"),
    "hours that never are": ("hours: 09:00-09:00", 5, "rules.0.hours"),
    "no such day": ("days: [someday]", 5, "rules.0.days.0"),
    "an end without a zone": ("until: 2030-01-01T00:00:00", 5, "rules.0.until"),
    "a broken pattern": ("args: {a: '['}", 3, "rules.0"),
}
STANDINGS = {
    "a wide standing approval": "risk: [destructive]",
    "one without end": "risk: [destructive], args: {a: b}, rate: {count: 1, per: 1h}, granted_by: local:boris",
    "one that nobody granted": "args: {a: b}, rate: {count: 1, per: 1h}, until: 2999-01-01T00:00:00Z",
    "one without a rate": "args: {a: b}, until: 2999-01-01T00:00:00Z, granted_by: local:boris",
    "one for any argument": "rate: {count: 1, per: 1h}, until: 2999-01-01T00:00:00Z, granted_by: local:boris",
}
MALFORMED = {
    **FILES,
    **{
        name: (f"version: 1\nrules:\n  - name: x\n    action: ask\n    {body}\n", *rest)
        for name, (body, *rest) in BODIES.items()
    },
    **{
        name: (f"version: 1\nrules:\n  - {{name: x, action: allow, {body}}}\n", 3, "rules.0")
        for name, body in STANDINGS.items()
    },
}


@pytest.mark.parametrize(("text", "line", "field"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_policy_is_refused_with_its_place(tmp_path: Path, text: str, line: int | None, field: str) -> None:
    """The error names the file, the line and the field."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        PolicyFile(path, UTC)
    assert (caught.value.source, caught.value.line, caught.value.field) == (str(path), line, field), caught.value
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


def test_the_shipped_policy_is_well_formed() -> None:
    """The file in the package is valid, and allows nothing destructive."""
    file = PolicyFile(DEFAULT, UTC)
    rulings = list(file.fitting(facts(), datetime.now(UTC)))
    assert [ruling.rule.action for ruling in rulings] == [Action.ASK]
