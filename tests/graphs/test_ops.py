"""The Ops agent: finds the cause, asks, repairs, proves it; and says so when it cannot."""

from pathlib import Path

import pytest

from graphs.ops import repair
from naryad.db.models.incident import IncidentStatus
from naryad.gate.approvals import Verdict
from tests.graphs.world import Company, company_crew

PLAYBOOK = "- {hosts: localhost, tasks: []}"
CONCLUDE = """\
- when: "Observations"
  turns:
    - {{tool: host_ports, args: {{port: 7}}}}
    - tool: incident_conclude
      args: {{claims: {claims}, title: Fix it, playbook: "{playbook}", rollback: "{rollback}"}}
"""


def script(
    claims: str = '[{text: "It is broken", evidence: [e1]}]', playbook: str = PLAYBOOK, rollback: str = ""
) -> str:
    return CONCLUDE.format(claims=claims, playbook=playbook, rollback=rollback)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "POLL_S", 0.01)
    monkeypatch.setattr(repair, "VERIFY_TIMEOUT_S", 0.1)


async def test_a_known_fault_is_repaired_after_a_yes(tmp_path: Path) -> None:
    """A runbook's cause cites its evidence; the playbook runs once, after the yes; the proof closes the incident."""
    async with company_crew(Company(), tmp_path) as crew:
        waiting = await crew.start()
        assert (len(waiting.waiting_for), crew.company.ran) == (1, [])
        assert (await crew.gate.approvals.get(*waiting.waiting_for)).provenance["playbook"] == "runbook:service-stopped"
        done = await crew.decide(waiting)
        incident = await crew.incident()
    assert (done.values["outcome"], len(crew.company.ran)) == ("resolved", 1)
    assert incident.status is IncidentStatus.RESOLVED
    assert [line["event"] for line in incident.timeline] == [
        *("alerted", "diagnosed", "planned", "approved", "repaired", "verified", "resolved")
    ]
    seen = {item["id"] for item in incident.evidence}
    assert set(done.values["claims"][0]["evidence"]) <= seen
    assert "[e1" in incident.postmortem["en"]
    assert "Причина" in incident.postmortem["ru"]


async def test_a_repair_that_is_no_longer_needed_is_not_run(tmp_path: Path) -> None:
    """The yes may come late: what works again by itself is left alone, and so it is told."""
    async with company_crew(Company(), tmp_path) as crew:
        waiting = await crew.start()
        crew.company.works = True
        done = await crew.decide(waiting)
        effects = await crew.gate.effects(crew.thread_id)
    assert (done.values["outcome"], crew.company.ran, list(effects)) == ("resolved", [], [])
    assert "by itself" in done.values["timeline"][-2]["text"]["en"]


async def test_a_no_changes_nothing_and_escalates(tmp_path: Path) -> None:
    """A rejected repair leaves the world alone, and the incident says why."""
    async with company_crew(Company(), tmp_path) as crew:
        done = await crew.decide(await crew.start(), Verdict.REJECT, "not in the daytime")
        incident = await crew.incident()
    assert (done.values["outcome"], crew.company.ran) == ("escalated", [])
    assert "not in the daytime" in incident.postmortem["en"]


async def test_without_a_model_an_unknown_fault_is_escalated_with_evidence(tmp_path: Path) -> None:
    """No guess is made: the evidence is handed to a person."""
    company = Company(log=["INFO started", "ERROR refusing to start: key has mode 0666"])
    async with company_crew(company, tmp_path) as crew:
        done = await crew.start()
        incident = await crew.incident()
    assert (done.values["outcome"], done.waiting_for, company.ran) == ("escalated", (), [])
    assert incident.cause == ""
    assert "key has mode 0666 [e" in incident.postmortem["en"]
    assert any("mode 0666" in item["text"] for item in incident.evidence)


async def test_a_model_solves_what_no_runbook_knows(tmp_path: Path) -> None:
    """The model looks, concludes with citations, and its playbook waits for a person like any other."""
    async with company_crew(Company(log=["ERROR x"]), tmp_path, script()) as crew:
        waiting = await crew.start()
        asked = await crew.gate.approvals.get(waiting.waiting_for[0])
        assert asked.provenance["playbook"] == "model"
        done = await crew.decide(waiting)
    assert (done.values["outcome"], crew.company.ran) == ("resolved", [PLAYBOOK])


async def test_an_uncited_claim_is_dropped(tmp_path: Path) -> None:
    """Only what rests on an observation that was made is stated; with nothing left the incident is escalated."""
    mixed = '[{text: "Seen", evidence: [e1, e99]}, {text: "Guessed", evidence: []}, {text: "Made up", evidence: [e99]}]'
    async with company_crew(Company(log=["ERROR x"]), tmp_path / "a", script(mixed)) as crew:
        waiting = await crew.start()
        assert [(c["text"]["en"], c["evidence"]) for c in waiting.values["claims"]] == [("Seen", ["e1"])]
    guess = '[{text: "Guessed", evidence: []}]'
    async with company_crew(Company(log=["ERROR x"]), tmp_path / "b", script(guess)) as crew:
        done = await crew.start()
    assert (done.values["outcome"], done.values.get("claims", []), crew.company.ran) == ("escalated", [], [])


async def test_a_model_that_repeats_itself_is_stopped(tmp_path: Path) -> None:
    """Three same calls without progress end the search."""
    turns = "\n".join(["    - {tool: host_ports, args: {port: 13}}"] * 20)
    async with company_crew(Company(log=["ERROR x"]), tmp_path, f'- when: "."\n  turns:\n{turns}\n') as crew:
        done = await crew.start()
    assert done.values["outcome"] == "escalated"
    assert "repeats" in done.values["reason"]["en"]
    assert sum(item["args"] == {"port": 13} for item in done.values["evidence"]) == 3


async def test_a_model_cannot_change_anything_by_itself(tmp_path: Path) -> None:
    """A destructive tool called from the search is not offered and does not run, and no question is asked for it."""
    turn = 'args: {playbook: "x", title: "y", variables: {}}'
    async with company_crew(
        Company(log=["ERROR x"]), tmp_path, f'- when: "."\n  turns:\n    - {{tool: ansible_run, {turn}}}\n'
    ) as crew:
        done = await crew.start()
        asked = await crew.gate.approvals.listed(None)
    assert (done.values["outcome"], crew.company.ran, list(asked)) == ("escalated", [], [])


async def test_a_repair_that_does_not_help_is_rolled_back_once(tmp_path: Path) -> None:
    """«Fixed» is never said without proof; the rollback of the approved plan runs under the same approval."""
    company = Company(log=["ERROR x"], cures=False)
    async with company_crew(company, tmp_path, script(rollback="- {hosts: all}")) as crew:
        done = await crew.decide(await crew.start())
        effects = await crew.gate.effects(crew.thread_id)
    assert done.values["outcome"] == "escalated"
    assert company.ran == [PLAYBOOK, "- {hosts: all}"]
    assert [effect.status for effect in effects] == ["succeeded", "succeeded"]
    assert [line["event"] for line in done.values["timeline"]][-3:] == ["rolled_back", "gave_up", "escalated"]


async def test_a_playbook_that_fails_midway_says_where_and_what_was_changed(tmp_path: Path) -> None:
    """The incident names the host, the task and what had been changed before."""
    company = Company(fails={"host": "db1", "task": "Second", "message": "no space left"})
    async with company_crew(company, tmp_path) as crew:
        done = await crew.decide(await crew.start())
    reason = done.values["reason"]["en"]
    assert (done.values["outcome"], "db1: Second: no space left" in reason, "localhost: First" in reason) == (
        *("escalated", True, True),
    )


async def test_a_refused_playbook_is_mended_or_given_up(tmp_path: Path) -> None:
    """A playbook that the check refuses never reaches a person."""
    company = Company(log=["ERROR x"], refuses=["module shell is not allowed"])
    async with company_crew(company, tmp_path, script()) as crew:
        done = await crew.start()
        asked = await crew.gate.approvals.listed(None)
    assert (done.values["outcome"], company.ran, list(asked)) == ("escalated", [], [])


async def test_a_question_about_a_healthy_service_is_answered(tmp_path: Path) -> None:
    """Without a model a plain request is answered by the probes alone, and opens no incident."""
    async with company_crew(Company(works=True), tmp_path) as crew:
        done = await crew.start(text="Is web all right?")
        assert await crew.incidents.listed() == []
    assert done.values["outcome"] == "healthy"


async def test_a_thread_goes_on_after_a_restart(tmp_path: Path) -> None:
    """A paused incident is found again by another process and finished there."""
    company = Company()
    async with company_crew(company, tmp_path) as before:
        waiting = await before.start()
    async with company_crew(company, tmp_path) as after:
        after.thread_id = before.thread_id
        done = await after.decide(waiting)
    assert (done.values["outcome"], len(company.ran)) == ("resolved", 1)


async def test_input_waits_for_the_pending_question(tmp_path: Path) -> None:
    """New input neither replaces nor answers an open question; it is taken when the incident is over."""
    async with company_crew(Company(), tmp_path) as crew:
        waiting = await crew.start()
        again = await crew.start(text="approved, yes, go on: is web all right?")
        assert (again.waiting_for, crew.company.ran) == (waiting.waiting_for, [])
        done = await crew.decide(again)
    assert (done.values["asked"]["text"], len(crew.company.ran)) == ("approved, yes, go on: is web all right?", 1)
