"""What of a run is written down."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from naryad.db.models.sentinel import RunRecord
from naryad.db.session import Database
from naryad.observability import Kind, aside, degraded, operation, watched
from naryad.sentinel.recorder import Made, Recorder


@pytest.fixture
def recorder(database: Database) -> Iterator[Recorder]:
    made = Recorder(database, {"ops": Made("v1", "p1")})
    with watched(made.watch):
        yield made


async def rows(database: Database) -> list[RunRecord]:
    return list(await database.look(lambda session: session.exec(select(RunRecord)).all()))


async def answer(provider: str, *, fails: bool = False) -> None:
    with operation(Kind.MODEL, "m", provider=provider) as facts:
        await asyncio.sleep(0)
        if fails:
            raise TimeoutError
        facts["usage"] = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}


async def test_a_leg_is_one_row_with_what_was_done_in_it(recorder: Recorder, database: Database) -> None:
    """Models and tools of its tasks too, each by its name; a tool's own time limit is an error of the tool."""
    with operation(Kind.AGENT, "ops", thread="t") as facts:
        with pytest.raises(TimeoutError):
            await answer("openai", fails=True)
        await asyncio.gather(answer("local"), answer("local"))
        with operation(Kind.TOOL, "probe_http", risk="read"):
            pass
        with pytest.raises(asyncio.CancelledError), operation(Kind.TOOL, "probe_http", risk="read"):
            raise asyncio.CancelledError
        facts["outcome"], facts["result"] = "finished", "answered"
    await recorder.flush()
    (row,) = await rows(database)
    assert (row.agent, row.version, row.prompts, row.outcome, row.result) == ("ops", "v1", "p1", "finished", "answered")
    assert {name: figures[:2] for name, figures in row.models.items()} == {"openai/m": [0, 1], "local/m": [2, 0]}
    assert (row.tools["probe_http"][:2], row.tokens, row.degraded) == ([2, 1], 24, False)
    assert row.seconds >= sum(figures[2] for figures in row.tools.values())


async def test_runs_at_once_do_not_mix(recorder: Recorder, database: Database) -> None:
    """Each has its own figures; what is done outside of runs is nobody's."""

    async def run(agent: str, answers: int) -> None:
        with operation(Kind.AGENT, agent):
            for _ in range(answers):
                await answer("openai")
            if not answers:
                degraded()

    await asyncio.gather(run("ops", 3), run("support", 1), run("sales", 0), answer("openai"))
    await recorder.flush()
    found = {row.agent: (row.models.get("openai/m", [0])[0], row.degraded) for row in await rows(database)}
    assert found == {"ops": (3, False), "support": (1, False), "sales": (0, True)}


async def test_how_a_leg_broke_is_kept(recorder: Recorder, database: Database) -> None:
    """Failed and cancelled are two things."""
    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error), operation(Kind.AGENT, "ops"):
            raise error
    await recorder.flush()
    assert sorted(row.outcome for row in await rows(database)) == ["cancelled", "failed"]


async def test_what_is_played_aside_is_no_live_run(recorder: Recorder, database: Database) -> None:
    """Nor are its tasks."""

    async def run() -> None:
        with operation(Kind.AGENT, "ops"):
            await answer("openai")

    with aside():
        await asyncio.gather(run(), run())
    await recorder.flush()
    assert await rows(database) == []


async def test_rows_wait_where_the_database_is_away(
    recorder: Recorder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written in their order when it is back; the run knew nothing of it."""

    def away(*_args: object) -> None:
        raise OperationalError("insert", {}, Exception("away"))

    for agent in ("ops", "support"):
        with operation(Kind.AGENT, agent):
            pass
    with monkeypatch.context() as patched:
        patched.setattr(Session, "connection", away)
        with pytest.raises(OperationalError):
            await recorder.flush()
    await recorder.flush()
    assert [row.agent for row in await rows(database)] == ["ops", "support"]


async def test_of_too_many_waiting_rows_the_oldest_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where others came while the database was tried in vain."""

    def away(*_args: object) -> None:
        raise OperationalError("insert", {}, Exception("away"))

    monkeypatch.setattr("naryad.sentinel.recorder.MOST_WAITING", 2)
    recorder = Recorder(database, {})
    with watched(recorder.watch), monkeypatch.context() as patched:
        patched.setattr(Session, "connection", away)
        for agent in ("oldest", "older"):
            with operation(Kind.AGENT, agent):
                pass
        flushing = asyncio.create_task(recorder.flush())
        await asyncio.sleep(0)
        with operation(Kind.AGENT, "new"):
            pass
        with pytest.raises(OperationalError):
            await flushing
    await recorder.flush()
    assert [row.agent for row in await rows(database)] == ["older", "new"]


async def test_the_last_rows_are_written_when_the_process_ends(database: Database) -> None:
    """Whoever is stopped writes what waits, and watches no more."""
    writing = asyncio.create_task(Recorder(database, {}).run())
    await asyncio.sleep(0)
    with operation(Kind.AGENT, "ops"):
        pass
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    with operation(Kind.AGENT, "later"):
        pass
    assert [row.agent for row in await rows(database)] == ["ops"]
