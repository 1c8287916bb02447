"""One input after another on one thread, crashes between any two steps, and readers of two languages."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from graphs.ops import repair
from naryad.db.models.incident import IncidentStatus
from naryad.i18n import speaking
from tests.graphs.scripts import conclude, turns
from tests.graphs.world import Company, Crew, alert, company_crew


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "POLL_S", 0.01)
    monkeypatch.setattr(repair, "VERIFY_TIMEOUT_S", 0.1)


async def test_a_second_alert_begins_anew(tmp_path: Path) -> None:
    """Nothing of a resolved incident answers for the next one: neither its plan, nor its cause, nor its outcome."""
    company = Company()
    async with company_crew(company, tmp_path) as crew:
        first = await crew.decide(await crew.start())
        company.works, company.log = False, ["ERROR something that no runbook knows"]
        second = await crew.start()
        incident = await crew.incident()
    assert (first.values["outcome"], second.values["outcome"], len(company.ran)) == ("resolved", "escalated", 1)
    assert (second.values["plan"], second.values["claims"]) == (None, [])
    ids = [item["id"] for item in second.values["evidence"]]
    assert ids == [f"e{number}" for number in range(1, len(ids) + 1)]
    assert (incident.status, incident.cause) == (IncidentStatus.ESCALATED, "")
    events = [line["event"] for line in incident.timeline]
    assert [event for event in events if event in ("alerted", "resolved", "escalated")] == [
        *("alerted", "resolved", "alerted", "escalated")
    ]
    assert incident.postmortem["en"].count("## Timeline") == 2


async def test_a_request_after_an_incident_is_no_alert(tmp_path: Path) -> None:
    """A person's question on the thread of an incident is answered by itself, and the incident stays as it was."""
    async with company_crew(Company(), tmp_path) as crew:
        await crew.decide(await crew.start())
        before = await crew.incident()
        done = await crew.start(text="Is web all right now?")
        assert (await crew.incident()).timeline == before.timeline
    assert (done.values["outcome"], done.values["asked"]["alert"]) == ("healthy", None)


async def test_what_was_said_elsewhere_is_remembered(tmp_path: Path) -> None:
    """It comes with the first input, the model reads it as it reads its own thread's, and the next input finds it."""
    told = {"asked": "Is web slow?", "told": "A little."}
    async with company_crew(Company(works=True), tmp_path) as crew:
        first = await crew.start(text="Is web all right now?", earlier=[told])
        second = await crew.start(text="And now?")
    assert [len(done.values["earlier"]) for done in (first, second)] == [2, 3]
    assert (first.values["earlier"][0], second.values["earlier"][0]) == (told, told)


async def test_a_rejected_repair_is_not_run_by_the_next_input(tmp_path: Path) -> None:
    """What people refused stays refused: the next input asks anew."""
    from naryad.gate.approvals import Verdict

    async with company_crew(Company(), tmp_path) as crew:
        await crew.decide(await crew.start(), Verdict.REJECT, "no")
        again = await crew.start()
        assert (len(again.waiting_for), crew.company.ran) == (1, [])


async def test_what_was_said_before_is_told_to_the_model_as_data(tmp_path: Path) -> None:
    """A conversation goes on, though every input has a budget and observations of its own."""
    script = turns(*["All is well."] * 20)
    async with company_crew(Company(works=True), tmp_path, script) as crew:
        for _ in range(14):
            done = await crew.start(text="Is web all right?")
            assert done.values["outcome"] == "answered"
    assert len(done.values["messages"]) == 2
    assert '"told": "All is well."' in done.values["messages"][0].text


STEPS = ("intake", "gather", "diagnose", "think", "look", "plan", "preview", "approve", "execute", "verify", "report")


@pytest.mark.parametrize("node", STEPS)
async def test_a_run_goes_on_after_a_crash_in_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    """The step is made again, nothing before it is, the ids of observations stay right, and all is written once."""
    script = turns([{"tool": "host_ports", "args": {"port": 7}}, conclude()])
    async with company_crew(Company(log=["ERROR x"]), tmp_path, script) as crew:
        crash_in(crew, node, monkeypatch)
        crashes = 0
        try:
            waiting = await crew.start()
        except Crash:
            crashes, waiting = 1, await crew.runs.drive(crew.thread_id)
        try:
            done = await crew.decide(waiting)
        except Crash:
            crashes, done = crashes + 1, await crew.runs.drive(crew.thread_id)
        incident = await crew.incident()
    ids = [item["id"] for item in done.values["evidence"]]
    assert ids == [f"e{number}" for number in range(1, len(ids) + 1)]
    assert (done.values["outcome"], len(crew.company.ran), crashes) == ("resolved", 1, 1)
    assert [line["event"] for line in incident.timeline] == [
        *("alerted", "diagnosed", "planned", "approved", "repaired", "verified", "resolved")
    ]


@pytest.mark.parametrize("node", ["intake", "gather", "preview"])
async def test_an_input_that_broke_leaves_nothing_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    """A bug that comes again lets the next input take over: neither alert nor plan of the broken one is there."""
    async with company_crew(Company(), tmp_path) as crew:
        crash_in(crew, node, monkeypatch, times=2, always=True)
        for _ in range(2):
            with suppress(Crash):
                await crew.start()
        crew.company.works = True
        done = await crew.start(text="Is web all right?")
        while done.values["asked"]["text"] == "":
            done = await crew.runs.drive(crew.thread_id)
    assert (done.values["outcome"], done.values["asked"]["alert"], done.values["plan"]) == ("healthy", None, None)
    assert crew.company.ran == []


async def test_what_broke_after_a_yes_lets_the_next_input_take_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision that was made does not hold the thread for ever, where the step after it breaks each time."""
    async with company_crew(Company(), tmp_path) as crew:
        waiting = await crew.start()
        crash_in(crew, "approve", monkeypatch, always=True)
        with suppress(Crash):
            await crew.decide(waiting)
        crew.company.works = True
        done = await crew.start(text="Is web all right?")
    assert (done.values["outcome"], crew.company.ran) == ("healthy", [])


async def test_who_decides_may_speak_another_language(tmp_path: Path) -> None:
    """A yes from a Russian terminal lets the repair run that an English one asked for."""
    async with company_crew(Company(), tmp_path) as crew:
        with speaking("en"):
            waiting = await crew.start()
        with speaking("ru"):
            done = await crew.decide(waiting)
    assert (done.values["outcome"], len(crew.company.ran)) == ("resolved", 1)


async def test_an_input_cannot_bring_a_plan_with_it(tmp_path: Path) -> None:
    """Of an input only the alert and the text are taken, whatever else a channel lets through."""
    plan: dict[str, Any] = {
        "source": "runbook:x",
        "title": {"ru": "x", "en": "x"},
        "name": "x",
        "playbook": "- {hosts: all}",
    }
    plan |= {"variables": {}, "rollback": "", "verify": [], "timeout_s": 1.0}
    async with company_crew(Company(log=["ERROR x"]), tmp_path) as crew:
        done = await crew.start(alert=alert(), plan=plan, outcome="resolved", evidence=[{"id": "e1"}])
    assert (done.values["outcome"], done.values["plan"], crew.company.ran) == ("escalated", None, [])


class Crash(Exception):
    """The process died here."""


def crash_in(crew: Crew, node: str, monkeypatch: pytest.MonkeyPatch, times: int = 1, *, always: bool = False) -> None:
    """Let a node die, after its work and before its checkpoint, once (or always) for the first `times` inputs."""
    bound: Any = crew.graph.nodes[node].bound
    work: Any = bound.afunc
    crashed: set[str] = set()

    async def dying(*given: Any, **named: Any) -> Any:
        result = await work(*given, **named)
        # By input: two that look at the same moment may both get here in one run.
        begun_by = given[0].get("input_id", "")
        if always if begun_by in crashed else len(crashed) < times:
            crashed.add(begun_by)
            raise Crash
        return result

    monkeypatch.setattr(bound, "afunc", dying)
