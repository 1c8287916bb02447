"""The product from outside: a real shop breaks, the real command repairs it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from lab import faults
from lab.monitor import Monitor
from lab.shop import Shop
from tests.cli.conftest import Ran

pytestmark = [pytest.mark.may_block, pytest.mark.slow]
Naryad = Callable[..., Ran]
FIELDS = {"fault", "detected_after_s", "approvals", "effects", "resolved", "recovered_after_s", "timeline"}
SCRIPT = Path(__file__).parents[2] / "lab" / "scripts" / "ops.yaml"


def marked(mark: str) -> list[int]:
    """Processes that inherited a variable of this test's own: other shops may be open on this machine."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("NARYAD_TEST_MARK") == mark:
                found.append(process.pid)
    return found


def test_a_crash_is_repaired_and_nothing_is_left(naryad: Naryad) -> None:
    """`naryad demo --yes --json` tells the whole story in one object, and ends every process it started."""
    mark = uuid4().hex
    ran = naryad("demo", "--fault", "crash", "--yes", "--json", NARYAD_TEST_MARK=mark)
    assert ran.code == 0, ran.err
    told = ran.lines[0]
    assert set(told) >= FIELDS
    assert (told["fault"], told["resolved"], told["outcome"]) == ("crash", True, "resolved")
    assert told["detected_after_s"] < told["recovered_after_s"] < 60
    assert [asked["status"] for asked in told["approvals"]] == ["consumed"]
    assert [(effect["tool"], effect["status"]) for effect in told["effects"]] == [("ansible_run", "succeeded")]
    assert marked(mark) == []


@pytest.mark.parametrize("fault", ["wrong-permissions", "port-conflict"])
def test_what_no_runbook_knows_needs_a_model(naryad: Naryad, fault: str) -> None:
    """Without a model the evidence is handed over and nothing is touched; with one the fault is repaired."""
    alone = naryad("demo", "--fault", fault, "--yes", "--json").lines[0]
    assert (alone["outcome"], alone["effects"], alone["cause"]) == ("escalated", [], "")
    shown = {"wrong-permissions": "mode 0666", "port-conflict": "address already in use"}[fault]
    assert any(shown in item["text"] for item in alone["evidence"])
    helped = naryad("demo", "--fault", fault, "--yes", "--json", NARYAD_MODEL=f"scripted:{SCRIPT}")
    assert helped.code == 0, helped.err
    assert (helped.lines[0]["resolved"], len(helped.lines[0]["effects"])) == (True, 1)


def test_without_a_terminal_the_demo_does_not_decide(naryad: Naryad) -> None:
    """Nobody there to say yes: the question is named, the exit code is 3, the shop is closed."""
    ran = naryad("demo", "--fault", "crash", "--json")
    assert (ran.code, ran.lines[0]["fault"], len(ran.lines[0]["waiting_for"])) == (3, "crash", 1)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Shop(tmp_path / "shop") as opened:
        yield opened


async def test_a_run_waits_for_a_decision_made_elsewhere(
    shop: Shop, naryad: Naryad, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` exits 3 with the question; `approvals approve` in another process says yes and finishes the run."""
    known = {
        "NARYAD_SERVICES": str(shop.services),
        "ANSIBLE_INVENTORY": str(shop.inventory),
        "ANSIBLE_LIBRARY": str(shop.library),
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    await faults.inject("crash", shop)

    asked = await asyncio.to_thread(naryad, "run", "ops", "web does not answer", "--json")
    assert asked.code == 3, asked.err
    end = asked.lines[-1]
    (approval,) = end["waiting_for"]
    listed = await asyncio.to_thread(naryad, "approvals", "list", "--json")
    assert [row["id"] for row in listed.lines] == [approval]
    assert not await Monitor(shop).healthy(timeout_s=0)

    said = await asyncio.to_thread(naryad, "approvals", "approve", approval[-8:], "--reason", "go")
    assert said.code == 0, said.err
    assert await Monitor(shop).healthy()

    again = await asyncio.to_thread(naryad, "approvals", "reject", approval)
    assert (again.code, "consumed" in again.err) == (1, True)
    (incident,) = (await asyncio.to_thread(naryad, "incidents", "list", "--json")).lines
    assert (incident["status"], incident["thread_id"]) == ("resolved", end["thread"])
    verdict = await asyncio.to_thread(naryad, "audit", "verify", "--json")
    assert (verdict.code, verdict.lines[0]["ok"]) == (0, True)
