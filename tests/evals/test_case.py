"""Cases as files: what is wrong is named with its place, and never passes for a success."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from yaml import safe_load

from evals import case as cases
from evals.case import Broken, found
from naryad.errors import NotFound
from tests.evals.conftest import CASE, RunCases, Write


def _calls(kind: str, tool: str = "counter_fire", **args: Any) -> dict[str, Any]:
    return {"expect": {"state": {}, "calls": {kind: [{"tool": tool, "args": args}]}}}


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"agent": "nobody"}, "case.yaml:1: agent:"),
        ({"steps": []}, "steps"),
        ({"steps": [{"say": "x", "restart": True}]}, "steps.0"),
        ({"steps": [{"say": "x", "by": "ghost"}]}, "steps.0"),
        ({"world": {"kind": "shop", "fault": "earthquake"}}, "world.fault"),
        ({"world": {"kind": "desk", "fault": "crash"}}, "world"),
        ({"world": {"kind": "moon"}}, "world.kind"),
        ({"surprise": 1}, "surprise"),
        ({"steps": [{"say": "x", "then": {"contains": ["/(/"]}}]}, "steps.0.then.contains.0"),
        ({"steps": [{"alert": "monitor"}]}, "only a shop has a monitor"),
        ({"approvals": [{"tool": "x", "decide": "approve", "by": "bob"}]}, "approvals.0.by"),
        ({"expect": {"state": {"a": {"matches": "("}}}}, "expect.state"),
        ({"expect": {"state": {"a": {"matches": 5}}}}, "a.matches is 5, and should be a regular expression"),
        ({"expect": {"state": {"a": {"at_least": "7"}}}}, "a.at_least is '7', and should be a number"),
        ({"expect": {"state": {"a": {"one_of": "low"}}}}, "a.one_of is 'low', and should be a list"),
        ({"expect": {"state": {"a": {"any": False}}}}, "a.any is False, and should be true"),
        ({"expect": {"state": {"a": {"contains": "x", "b": 1}}}}, "a has contains beside what is no matcher"),
        ({"expect": {"state": {"a": {"contians": "x"}}}}, "expect.state: a is no matcher"),
        (_calls("required", x={"y": [{"contains": 1}]}), "x.y.0.contains is 1, and should be a text"),
        ({"world": {"kind": "shop", "planted": [{"log": "wbe", "lines": ["x"]}]}}, "world.planted.0.log: there is no"),
    ],
)
def test_what_is_wrong_is_named(write: Write, changed: dict[str, Any], place: str) -> None:
    """The file, the line and the field stand in the message."""
    (broken,) = found(root=write(**changed))
    assert isinstance(broken, Broken)
    assert place in broken.why
    assert "case.yaml:" in broken.why


def test_everything_wrong_is_named_at_once(write: Write) -> None:
    """Who writes a case learns of all its faults in one go."""
    (broken,) = found(root=write(agent="nobody", surprise=1))
    assert isinstance(broken, Broken)
    assert "case.yaml:1: agent:" in broken.why
    assert re.search(r"; line \d+: surprise: ", broken.why)


async def test_a_broken_case_fails_and_stops_no_other(write: Write, run_cases: RunCases) -> None:
    """Whatever cannot be read or played counts as failed; the rest is played."""
    write("own/01_unreadable", agent="nobody")
    write("own/02_unknown_tool", approvals=[{"tool": "moon_land", "decide": "approve"}])
    write("own/03_no_script", models=["scripted"])
    forbidden = {"state": {}, "calls": {"forbidden": [{"tool": "counter_*"}, {"tool": "counter_fre"}]}}
    write("own/06_misspelled", models=["scripted"], expect=forbidden)
    results = await run_cases(write("own/04_good"), "scripted:" + str(_script(write("own/05_other", models=["none"]))))
    ends = {trial.case: (trial.passed, trial.broken) for trial in results.trials}
    assert ends == {
        "own/01_unreadable": (False, True),
        "own/02_unknown_tool": (False, True),
        "own/03_no_script": (True, False),
        "own/04_good": (True, False),
        "own/06_misspelled": (False, True),
    }
    unknown = next(trial for trial in results.trials if trial.case == "own/02_unknown_tool")
    assert "approvals.0.tool: there is no tool 'moon_land'" in unknown.failures[0]
    assert "case.yaml:" in unknown.failures[0]


@pytest.mark.parametrize(
    ("changed", "place", "why"),
    [
        (_calls("forbidden", what={"contians": "x"}), "forbidden.0.args.what", "{'contians': 'x'} is no matcher"),
        (
            _calls("forbidden", waht="x"),
            "forbidden.0.args.waht",
            "counter_fire has no such argument; there are seconds, what",
        ),
        (_calls("forbidden", "ansibel_*"), "forbidden.0.tool", "there is no tool 'ansibel_*'"),
        (_calls("required", "counter_*", what=[{"x": 1}]), "required.0.args.what", "is no matcher"),
        ({"approvals": [{"tool": "counter_fire", "args": {"waht": "x"}, "decide": "approve"}]}, "approvals.0.args", ""),
    ],
)
async def test_what_can_fit_no_call_is_named(
    write: Write, run_cases: RunCases, changed: dict[str, Any], place: str, why: str
) -> None:
    """A mistyped tool, argument or matcher would forbid nothing and pass: it is wrong, with its line."""
    (trial,) = (await run_cases(write(**changed))).trials
    assert (trial.passed, trial.broken) == (False, True)
    assert re.search(r"case\.yaml:\d+: \S*" + re.escape(place), trial.failures[0])
    assert why in trial.failures[0]


async def test_a_missing_script_is_a_failure(write: Write, run_cases: RunCases) -> None:
    """A case whose script is not there cannot pass."""
    results = await run_cases(write(), "scripted")
    assert [(trial.passed, trial.broken) for trial in results.trials] == [(False, True)]
    assert "script.yaml" in results.trials[0].failures[0]


def test_names_choose(write: Write) -> None:
    """A suite, a case or its number; what is not there is refused, with what is."""
    write("own/01_one")
    root = write("other/01_one")
    assert [case.name for case in found(["own"], root=root)] == ["own/01_one"]
    assert [case.name for case in found(["other/01"], root=root)] == ["other/01_one"]
    with pytest.raises(NotFound, match="other, own"):
        found(["mine"], root=root)


def test_the_schema_fits_every_shipped_case() -> None:
    """Editors are told the truth."""
    validator = Draft202012Validator(cases.schema())
    shipped = sorted(cases.SUITES.glob("*/*/case.yaml"))
    assert shipped
    for path in shipped:
        validator.validate(safe_load(path.read_text(encoding="utf-8")))
    validator.validate(CASE)
    assert not validator.is_valid(CASE | {"agent": "nobody"})


def _script(root: Path) -> Path:
    path = root / "script.yaml"
    path.write_text("- {when: cactus, turns: [{text: 'Nothing.'}]}", encoding="utf-8")
    return path
