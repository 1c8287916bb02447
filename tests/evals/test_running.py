"""Playing and judging: what really happened is compared with what was expected, and changed expectations fail."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from langchain_core.messages import HumanMessage

from evals import baseline
from evals.case import Case, found
from evals.cassette import Replay, Taping
from evals.models import Model
from evals.mutation import Killed, mutants
from evals.record import Record
from evals.results import Results, Trial
from evals.running import TIME_LIMIT_S, Run
from evals.told import Budget
from naryad.errors import ConfigError, Refused
from naryad.llm.provider import Request
from naryad.llm.scripted import ScriptedProvider
from naryad.settings import Settings
from naryad.testing.counter import CounterTools
from tests.evals.conftest import RunCases, Write

ACT = [
    {"when": "passages", "turns": [{"tool": "counter_fire", "args": {"what": "cactus"}}]},
    {"when": "cactus", "turns": [{"text": '{"route": "act", "question": ""}'}]},
]
ACTING: dict[str, Any] = {
    "models": ["scripted", "replay"],
    "steps": [{"say": "Launch the cactus for me please", "by": "anna"}],
    "approvals": [{"tool": "counter_fire", "args": {"what": "cactus"}, "decide": "approve", "asks": ["cactus"]}],
    "expect": {
        "state": {"counter.1": "fire cactus"},
        "effects": [{"tool": "counter_fire"}],
        "calls": {
            "required": [{"tool": "counter_fire", "args": {"what": "cactus"}}],
            "forbidden": [{"tool": "host_*"}, {"tool": "counter_fire", "args": {"what": {"matches": "^ro.e$"}}}],
        },
        "budget": {"seconds": 500, "tokens": 100, "calls": 5},
    },
}


async def test_an_answer_is_judged(write: Write, run_cases: RunCases) -> None:
    """The right one passes; each wrong expectation is a sentence that says what was there."""
    root = write()
    assert (await run_cases(root)).trials[0].passed
    wrong = {
        "outcome is 'answered'": {"outcome": "unknown"},
        "it cites ['cactus']": {"cites": ["cactus", "rose"]},
        "does not say «Tuesdays»": {"contains": ["Tuesdays"]},
        "it says «mondays»": {"excludes": ["mondays"]},
        "not in ru": {"lang": "ru"},
        "characters, and may have 5": {"max_chars": 5},
        "the agent said «": {"silent": True},
    }
    for number, then in enumerate(wrong.values(), 2):
        write(f"own/{number:02}_case", steps=[{"say": "How do I water the cactus?", "then": then}])
    failures = [trial.failures for trial in (await run_cases(root)).trials[1:]]
    assert all(why in failed[0] and len(failed) == 1 for why, failed in zip(wrong, failures, strict=True)), failures


async def test_effects_questions_and_state_are_all_of_it(write: Write, run_cases: RunCases) -> None:
    """What happened and was not expected is a failure, as is what was expected and did not happen."""
    root = write("own/01_right", script=ACT, **ACTING)
    nothing = {"approvals": [], "expect": {"state": {}}}
    write("own/02_superfluous", script=ACT, **ACTING | nothing)
    missing = {"approvals": [*ACTING["approvals"], {"tool": "counter_put", "decide": "approve"}]}
    write("own/03_missing", script=ACT, **ACTING | missing)
    rejected = {"approvals": [{"tool": "counter_fire", "decide": "reject"}]}
    write("own/04_rejected", script=ACT, **ACTING | rejected)
    first, *others = (await run_cases(root, "scripted")).trials
    assert (first.passed, first.asks, first.models) == (True, 1, ["script.yaml"])
    sentences = ["people were asked about counter_fire", "nobody was asked about counter_put", "effect 1: none"]
    for trial, sentence in zip(others, sentences, strict=True):
        assert any(sentence in failure for failure in trial.failures), trial.failures


async def test_every_changed_expectation_fails(write: Write) -> None:
    """The mutation check finds nothing that a case would not notice, and a case that notices nothing."""
    killed = Killed()
    root = write("own/01_right", script=ACT, **ACTING)
    await Run(_base(root), Model.named("scripted"), look=killed.take)(found(root=root))
    assert (killed.cases, killed.survivors) == (["own/01_right"], [])
    assert killed.all > 12
    careless: list[tuple[Case, Record]] = []
    await Run(_base(root), Model.named("scripted"), look=lambda case, record, _: careless.append((case, record)))(
        found(root=root)
    )
    (case, record), blind = careless[0], Killed()
    assert "counter_fire called" in [what for what, _mutant in mutants(case, record)]
    case.told.expect.calls.required[0].args = {"what": {"any": True}}
    case.told.expect.budget = Budget(seconds=TIME_LIMIT_S, calls=10 * len(record.calls))
    blind.take(case, record, [])
    unseen = ("counter_fire with another what", "as slow as can be", "tenfold calls")
    assert blind.survivors == [f"own/01_right: {what}" for what in unseen]


async def test_epochs_run_side_by_side(write: Write, run_cases: RunCases) -> None:
    """Each epoch is a trial in a world of its own."""
    results = await run_cases(write(), epochs=3, parallel=3)
    assert [(trial.epoch, trial.passed) for trial in results.trials] == [(1, True), (2, True), (3, True)]
    assert (results.epochs, results.model, len(results.prompts)) == (3, "none", 16)


async def test_a_cassette_decides_as_the_model_did(write: Write, run_cases: RunCases, tmp_path: Path) -> None:
    """What was recorded is said again while the tools really run; another prompt, or another end, is named."""
    root, tape = write("own/01_right", script=ACT, **ACTING), tmp_path / "tape"
    assert (await run_cases(root, "scripted", record=tape)).trials[0].passed
    cassette = tape / "own/01_right.jsonl"
    replayed = (await run_cases(root, f"replay:{tape}")).trials[0]
    assert (replayed.passed, replayed.failures, replayed.asks) == (True, [], 1)
    lines = cassette.read_text().splitlines()
    for changed, why in (
        ([lines[0].replace('"system": "', '"system": "0'), *lines[1:]], ":1: system: the system is another than"),
        ([*lines, lines[-1]], f":{len(lines) + 1}: 1 decisions from here on were not asked for"),
        (lines[:1], ":2: the model was asked once more than was recorded"),
        ([*lines[:1], "{}"], ":2: answer: this is no decision of a model"),
    ):
        cassette.write_text("\n".join(changed))
        trial = (await run_cases(root, f"replay:{tape}")).trials[0]
        assert (trial.passed, trial.broken) == (False, True)
        assert f"{cassette}{why}" in trial.failures[0]


async def test_a_call_of_what_is_not_offered_is_seen(write: Write, run_cases: RunCases) -> None:
    """It never comes to the gate: it is no valid call, may be required, and is forbidden like any other."""
    alert = {"alert": {"alertname": "Slow", "service": "billing", "severity": "low"}}
    not_offered = {"tool": "ansible_run", "args": {"rocket": 7}}
    script = [
        {"when": "Observations", "turns": [{"calls": [not_offered, {"tool": "host_ports"}]}, {"text": "Nothing."}]}
    ]
    incident = {"incident.1.status": {"any": True}, "incident.1.service": "billing", "incident.1.severity": "low"}
    calls = {"required": [{**not_offered, "outcome": "invalid"}]}
    case = {"agent": "ops", "models": ["scripted"], "steps": [alert], "script": script}
    root = write("own/01_required", **case, expect={"state": incident, "calls": calls})
    write("own/02_forbidden", **case, expect={"state": incident, "calls": {"forbidden": [{"tool": "ansible_*"}]}})
    required, forbidden = (await run_cases(root, "scripted")).trials
    assert (required.failures, required.calls, required.invalid_calls) == ([], 2, 1)
    assert forbidden.failures == ['call: ansible_run {"rocket":7} must not be made']


async def test_calls_of_code_are_none_of_a_model(write: Write, run_cases: RunCases) -> None:
    """What a form or a runbook calls says nothing of how well a model calls tools."""
    say = "Open a ticket: the lamp above desk 4 flickers"
    root = write(steps=[{"say": say}], expect={"state": {}, "calls": {"required": [{"tool": "tickets_create"}]}})
    (trial,) = (await run_cases(root)).trials
    assert (trial.calls, any("was not made" in why for why in trial.failures)) == (0, False)


async def test_whatever_changes_is_judged(write: Write, run_cases: RunCases) -> None:
    """A ticket's text and journal, and its copy in the tracker: unexpected, they are failures."""
    steps = [{"say": "Open a ticket: the lamp flickers"}, {"say": "add to ticket 1: it smokes"}]
    root = write(steps=steps, world={"kind": "desk", "documents": False, "tracker": "jira", "lang": "en"})
    (trial,) = (await run_cases(root)).trials
    became = {why.split(" ")[1]: why for why in trial.failures if why.startswith("state: ")}
    assert "the lamp flickers" in became["ticket.1.text"]
    assert 'comment: add to ticket 1: it smokes"]' in became["ticket.1.journal"]
    assert "the lamp flickers" in became["jira.1.description"]
    assert "it smokes" in became["jira.1.comments"]
    assert not trial.broken


async def test_a_number_of_the_world_is_a_number_again(tmp_path: Path) -> None:
    """A port stands on a cassette by its name, and is the next world's port, as whole a number as it was."""
    turn = {"tool": "host_ports", "args": {"port": 43521, "url": "http://127.0.0.1:43521/", "ok": True, "n": 4352}}
    (tmp_path / "script.yaml").write_text(yaml.safe_dump([{"when": "cactus", "turns": [turn]}]))
    tape, request = (
        tmp_path / "tape.jsonl",
        Request((HumanMessage("cactus"),), tuple(CounterTools(tmp_path).tools()), None),
    )
    taping = Taping(ScriptedProvider.load(tmp_path / "script.yaml"), tape, {"port.web": "43521"})
    assert [chunk async for chunk in taping.stream(request, first_token_s=1)]
    said = Replay(tape, {"port.web": "27001"})
    chunks = [chunk async for chunk in said.stream(request, first_token_s=1)]
    (args,) = [json.loads(call["args"] or "") for chunk in chunks for call in chunk.tool_call_chunks]
    assert args == {"port": 27001, "url": "http://127.0.0.1:27001/", "ok": True, "n": 4352}


async def test_what_is_lost_on_the_way_has_failed(write: Write, tmp_path: Path) -> None:
    """A trial that nobody judged, and one whose world cannot be kept, are failures and not forgotten."""
    root = write("own/01_case")
    write("own/02_case", steps=[{"say": "How do I water the cactus?", "then": {"silent": True}}])
    judged = Run.trial

    async def losing(run: Run, case: Case, *args: Any) -> Trial:
        if case.name == "own/01_case":
            raise OSError("no space left")
        return await judged(run, case, *args)

    (tmp_path / "file").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "trial", losing)
        results = await Run(_base(root), Model.named("none"), keep=tmp_path / "file")(found(root=root))
    ends = [(trial.case, trial.passed, trial.broken) for trial in results.trials]
    assert ends == [("own/01_case", False, True), ("own/02_case", False, False)]


async def test_a_model_that_is_not_there_has_not_passed(write: Write) -> None:
    """What the agent does without a model is no figure of the model that was asked for."""
    root = write()
    base = _base(root).model_copy(update={"openai_base_url": "http://127.0.0.1:9/v1", "llm_max_retries": 0})
    results = await Run(base, Model.named("openai:absent"))(found(root=root))
    (trial,) = results.trials
    assert (trial.passed, trial.broken, trial.degraded) == (False, True, True)
    assert "did not answer" in trial.failures[0]


async def test_the_gate_stops_what_is_worse(write: Write, tmp_path: Path) -> None:
    """What passed and does not now, and what is new and does not pass, is a reason; a failing run is no baseline."""
    folder, root = tmp_path / "baselines", write("own/01_case", tags=["fast"])
    write("own/02_slow")
    runs = await _gate(root)
    assert [len(results.trials) for results in runs if results.model == "none"] == [1]
    with pytest.raises(ConfigError, match="gate --accept"):
        await baseline.against(runs[0], folder)
    await baseline.accept(runs[:1], folder)
    assert not (await baseline.against(runs[0], folder)).blocks
    failed = runs[0].trials[0].model_copy(update={"passed": False, "failures": ["no"]})
    for trial in (failed, failed.model_copy(update={"case": "own/09_new"})):
        worse = runs[0].model_copy(update={"trials": [trial]})
        assert (await baseline.against(worse, folder)).blocks
        with pytest.raises(Refused, match=trial.case):
            await baseline.accept([worse], folder)


def _base(root: Path) -> Settings:
    return Settings(NARYAD_HOME=root.parent / "home")


async def _gate(root: Path) -> Sequence[Results]:
    played = baseline.played(
        _base(root), found(root=root), progress=lambda _trial: None, look=Killed().take, parallel=1
    )
    return [results async for results in played]
