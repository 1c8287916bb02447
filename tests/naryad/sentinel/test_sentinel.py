"""From records to people: one incident for what got worse, over when it has gone."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from sqlalchemy import delete, insert
from sqlmodel import Session, col, select, update

from naryad import retention
from naryad.alerts.start import start_due
from naryad.clock import new_id, now
from naryad.db.models.alert import Alert
from naryad.db.models.incident import IncidentStatus
from naryad.db.models.job import JobRun, Watched
from naryad.db.models.sentinel import Golden, RunRecord
from naryad.db.session import Database
from naryad.driver import Driver
from naryad.errors import NotFound
from naryad.gate import policy
from naryad.llm.breaker import Breaker
from naryad.llm.chain import Chain, Link
from naryad.llm.openai import OpenAIProvider
from naryad.observability import Kind, operation, watched
from naryad.scheduler.monitors import Monitors
from naryad.sentinel import canary, records, sentinel
from naryad.sentinel.canary import Outcome
from naryad.sentinel.judge import HOUR
from naryad.sentinel.recorder import Made, Recorder
from naryad.sentinel.series import Leg
from naryad.testing.openai_server import OpenAIServer, Reply
from tests.naryad.alerts.world import World
from tests.naryad.crew import open_crew
from tests.naryad.sentinel.days import END, legs

AGENTS = ("ops", "support")


async def keep(database: Database, of: Sequence[Leg]) -> None:
    """Write legs down as if they had just been: `END` is now."""
    behind = now().timestamp() - END
    rows = [{**asdict(leg), "id": new_id(), "at": records.at(leg.at + behind)} for leg in of]

    def write(session: Session) -> None:
        session.connection().execute(insert(RunRecord), rows)

    await database.transact(write)


def days(well: RunRecord, ill: RunRecord) -> list[Leg]:
    """Legs of many days: the first one again and again, and the second since yesterday."""

    def again(row: RunRecord, hours: float) -> Leg:
        fields = {name: getattr(row, name) for name in Leg.__slots__}
        return replace(Leg(**fields), at=END - hours * HOUR)

    return [again(ill if hour < 24 else well, hour + part / 2) for hour in range(200) for part in range(2)]


async def told(database: Database) -> Sequence[Watched]:
    """What people were told of."""
    return await database.look(lambda session: session.exec(select(Watched).where(col(Watched.told))).all())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A crew's, with the policy that is shipped and allows to look."""
    shutil.copy(policy.DEFAULT, tmp_path / "policy.yaml")
    return tmp_path


def monitors(database: Database, world: World) -> Monitors:
    return Monitors(database, world.intake, [partial(sentinel.look, database, AGENTS)])


async def test_what_got_worse_is_one_incident_and_ends_with_it(database: Database) -> None:
    """Told at the second look in a row and never again; no agent is set on it; well again, it is over."""
    world = World(database)
    await keep(database, legs(200, fault_h=30, agents=("ops",), tool_errors=0.5))
    looking, run = monitors(database, world), JobRun(job="sentinel", fire_at=now())
    assert (await looking.look(run), await world.all()) == ({"looked": 2, "wrong": 1, "ended": 0}, [])
    for _ in range(3):
        await looking.look(run)
    incident = await world.one()
    alert = await database.look(lambda session: session.exec(select(Alert)).one())
    told = {name: alert.labels[name] for name in ("alertname", "service", "agent", "cause", "series")}
    assert told == {
        "alertname": "AgentDegraded",
        "service": "naryad",
        "agent": "ops",
        "cause": "tool",
        "series": "ops tool_errors probe_http",
    }
    assert (incident.alerts, incident.service, incident.status) == (1, "naryad", IncidentStatus.OPEN)

    async with database.write() as session:  # the tool is mended: its calls of the last days did not fail
        well = {"tools": {"probe_http": [1, 0, 0.3]}}
        await session.exec(update(RunRecord).where(col(RunRecord.canary) == "").values(**well))
    assert (await looking.look(run))["ended"] == 1
    assert await database.look(lambda session: session.exec(select(Alert.over)).all()) == [True]


@pytest.mark.parametrize("canaries", [False, True])
async def test_a_weekend_does_not_end_what_was_told(database: Database, canaries: bool) -> None:
    """Where nothing can be judged nobody is well: the alert stands, also while canaries go on, and comes once."""
    world, of = World(database), legs(200, fault_h=30, agents=("ops",), tool_errors=0.5)
    looking, run = monitors(database, world), JobRun(job="sentinel", fire_at=now())
    await keep(database, of)
    for _ in range(2):
        await looking.look(run)
    away = timedelta(hours=40)
    async with database.write() as session:
        await session.exec(delete(RunRecord))
        await session.exec(update(Watched).values(seen_at=now() - away))
    silent = [leg if leg.canary and canaries else replace(leg, at=leg.at - away.total_seconds()) for leg in of]
    await keep(database, silent)
    # Support, of which nobody was told anything, is looked at by its canaries or not at all.
    assert await looking.look(run) == {"looked": 1 + canaries, "wrong": 1, "ended": 0}
    assert (await world.one()).alerts == 1
    assert await database.look(lambda session: session.exec(select(Alert.over)).all()) == [False]


async def test_what_canaries_told_does_not_end_with_them(database: Database) -> None:
    """Where none is played any more nobody knows: live runs say nothing of it."""
    world, of = World(database), legs(200, fault_h=30, agents=("ops",), degraded=True, models={})
    looking, run = monitors(database, world), JobRun(job="sentinel", fire_at=now())
    await keep(database, [leg for leg in of if leg.canary])
    for _ in range(2):
        await looking.look(run)
    assert [row.labels["series"] for row in await told(database)] == ["ops canaries degraded"]
    async with database.write() as session:
        await session.exec(delete(RunRecord))
    await keep(database, [replace(leg, degraded=False) for leg in of if not leg.canary])
    assert await looking.look(run) == {"looked": 2, "wrong": 1, "ended": 0}


async def test_no_run_is_started_for_our_own_degradation(database: Database, folder: Path) -> None:
    """It would meet the tool that fails, and make it worse."""
    world = World(database)
    await keep(database, legs(200, fault_h=30, agents=("ops",), tool_errors=0.5))
    for _ in range(2):
        await monitors(database, world).look(JobRun(job="sentinel", fire_at=now()))
    async with open_crew(database.engine.url.render_as_string(hide_password=False), folder) as crew:
        assert await start_due(database, Driver(crew.runs, most=1), now() + timedelta(minutes=1)) == 0


async def test_a_real_tool_that_fails_is_found_by_its_runs(database: Database, folder: Path) -> None:
    """Two real runs, one well and one whose tool fails, stand for the days before and for today."""
    url = database.engine.url.render_as_string(hide_password=False)
    recorder = Recorder(database, {"ops": Made("v1", "p1")})
    async with open_crew(url, folder) as crew:
        with watched(recorder.watch):
            for what in ("web", "fail"):
                await crew.start(["counter_look", {"what": what}], thread=what)
    await recorder.flush()
    well, ill = await database.look(lambda session: session.exec(select(RunRecord).order_by(col(RunRecord.id))).all())
    assert [row.tools["counter_look"][:2] for row in (well, ill)] == [[1, 0], [1, 1]]
    await keep(database, days(well, ill))
    (finding,) = [one for one in (await sentinel.look(database, ["ops"])).values() if one]
    assert (finding.labels["cause"], finding.labels["series"]) == ("tool", "ops tool_errors counter_look")


async def test_a_model_swapped_by_its_provider_is_found_by_its_runs(database: Database) -> None:
    """Two real answers to one question, the second in another model's name, stand for the days before and today."""
    recorder = Recorder(database, {"ops": Made("v1", "p1")})
    with await asyncio.to_thread(OpenAIServer, Reply(model="gpt-4.1-mini-2025-04-14"), Reply(model="tiny")) as server:
        provider = OpenAIProvider(model="gpt-4.1-mini", base_url=server.url, direct=True)
        chain = Chain([Link(provider, Breaker(3, 60, 2))])
        with watched(recorder.watch):
            for _ in range(2):
                with operation(Kind.AGENT, "ops"):
                    await chain.complete([HumanMessage("Is web well?")])
        await chain.close()
    await recorder.flush()
    rows = await database.look(lambda session: session.exec(select(RunRecord).order_by(col(RunRecord.id))).all())
    assert [list(row.models) for row in rows] == [["openai/gpt-4.1-mini-2025-04-14"], ["openai/tiny"]]
    await keep(database, days(*rows))
    (finding,) = [one for one in (await sentinel.look(database, ["ops"])).values() if one]
    assert (finding.labels["cause"], finding.labels["series"]) == ("fallback", "ops answers_by openai/tiny")


async def test_the_accepted_days_are_kept_and_the_rest_is_forgotten(database: Database) -> None:
    """After 90 days; only of the agents that were accepted. Without records there is nothing to accept."""
    with pytest.raises(NotFound):
        await records.accept(database, now(), 7, "local:anna")
    await keep(database, [Leg(END - days * 24 * HOUR, agent, "finished") for agent in AGENTS for days in (1, 5, 9)])
    (made,) = await records.accept(database, now(), 7, "local:anna", agent="ops")
    assert (made.agent, made.until - made.since) == ("ops", timedelta(days=7))
    await retention.prune(database, now() + retention.RECORDS_KEPT)
    assert await database.look(lambda session: session.exec(select(RunRecord.agent)).all()) == ["ops", "ops"]
    await records.accept(database, now(), 3, "local:boris")
    golden = await database.look(lambda session: session.exec(select(Golden)).all())
    assert [(one.agent, one.by) for one in golden] == [("ops", "local:boris")]


async def test_canaries_are_records_of_their_own(database: Database) -> None:
    """How each ended, by whose making; runs that they make are none of the live ones."""

    class Two:
        async def play(self) -> list[Outcome]:
            with watched(live.watch), operation(Kind.AGENT, "ops"):
                pass
            return [
                Outcome("ops/01", "ops", passed=True, seconds=2, model="openai/m", tokens=9),
                Outcome(
                    "ops/02", "ops", passed=False, degraded=True, why="the token is sk-abcdefghijklmnopqrstuvwxyz012345"
                ),
            ]

    live = Recorder(database, {})
    assert await canary.play(Two(), database, {"ops": Made("v1", "p1")}) == {"played": 2, "failed": 1}
    await live.flush()
    rows = await database.look(lambda session: session.exec(select(RunRecord).order_by(col(RunRecord.canary))).all())
    assert [(row.canary, row.outcome, row.prompts, row.degraded) for row in rows] == [
        ("ops/01", "finished", "p1", False),
        ("ops/02", "failed", "p1", True),
    ]
    assert "abcdefghij" not in rows[1].result
