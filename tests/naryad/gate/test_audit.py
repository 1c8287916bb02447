"""The audit: every change of what was written is found."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.gate.answer import Call, Outcome
from naryad.gate.audit import Audit
from tests.naryad.gate.conftest import OPS, World, fire

COLUMNS = ("seq", "at", "event", "thread_id", "rule", "data_json", "previous", "hash")
ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
Tamper = Callable[[str], None]


@pytest.fixture
async def written(world: World) -> World:
    """A chain of ten rows, with effects, decisions and refusals."""
    await world.approved()
    await world.answer()
    for n in range(4):
        await world.answer(Call(f"r{n}", "counter_look", {"what": f"{n}"}))
    await world.answer(Call("bad", "counter_none", {}))
    assert (await world.gate.audit.verify()).rows == 9
    return world


async def problem(world: World) -> tuple[str, int | None]:
    verdict = await world.gate.audit.verify()
    return verdict.problem, verdict.seq


@ON_SQLITE
@pytest.mark.parametrize("row", [1, 5, 9])
@pytest.mark.parametrize("column", COLUMNS[1:])
async def test_one_changed_character_is_found(written: World, tamper: Tamper, column: str, row: int) -> None:
    """In any column of the first, a middle and the last row, any one character that changes is found there."""
    spelled = await values(written, column, row)
    for position in range(len(spelled)):
        other = "1" if spelled[position] != "1" else "2"
        changed = spelled[:position] + other + spelled[position + 1 :]
        tamper(f"UPDATE audit SET {column} = {quoted(changed)} WHERE seq = {row}")
        found, seq = await problem(written)
        assert (found != "", seq) == (True, row), position
        tamper(f"UPDATE audit SET {column} = {quoted(spelled)} WHERE seq = {row}")
        assert await problem(written) == ("", None)


@ON_SQLITE
@pytest.mark.parametrize(
    ("script", "seq"),
    [
        ("DELETE FROM audit WHERE seq = 5", 6),
        ("DELETE FROM audit WHERE seq = 1", 2),
        ("DELETE FROM audit WHERE seq = 9", 9),
        ("DELETE FROM audit WHERE seq > 3", 4),
        ("DELETE FROM audit", 1),
        ("DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq > 5", 5),
        ("UPDATE audit SET seq = seq + 90 WHERE seq IN (3, 4); UPDATE audit SET seq = 97 - seq WHERE seq > 90", 3),
        ("INSERT INTO audit SELECT 10, at, event, thread_id, rule, data_json, previous, hash FROM audit LIMIT 1", 10),
        ("UPDATE audit SET data_json = CAST(data_json AS BLOB) WHERE seq = 4", 4),
        ("UPDATE audit SET seq = 99 WHERE seq = 9", 99),
        ("UPDATE audit SET seq = seq + 100 WHERE seq > 4; UPDATE audit SET seq = seq - 99 WHERE seq > 100", 6),
        ("UPDATE audit SET data_json = x'ff' WHERE seq = 4", 4),
        ("UPDATE audit SET at = '2026-01-01T00:00:00' WHERE seq = 4", 4),
        ("UPDATE audit SET at = replace(at, ' ', 'T') WHERE seq = 4", 4),
        ("UPDATE audit SET at = at || '0' WHERE seq = 4", 4),
        ("UPDATE audit_head SET seq = 8", 9),
        ("UPDATE audit_head SET hash = 'x'", 10),
        ("DELETE FROM audit_head", 9),
    ],
)  # fmt: skip
async def test_rows_removed_swapped_or_added_are_found(written: World, tamper: Tamper, script: str, seq: int) -> None:
    """A row that is missing, elsewhere, unreadable or too many is found, and named."""
    tamper(script)
    found, where = await problem(written)
    assert found
    assert where == seq


@ON_SQLITE
@pytest.mark.may_block
async def test_one_flipped_byte_of_the_file_is_found(written: World, tmp_path: Path) -> None:
    """Any byte of a row, changed on the disk itself, is found."""
    await written.database.close()
    path = tmp_path / "naryad.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM audit WHERE seq IN (1, 5, 9)").fetchall()
    connection.close()
    original = path.read_bytes()
    missed = []
    for row in rows:
        stored = "".join(str(value) for value in row[1:]).encode()
        begin = original.index(stored)
        # What the row says, and SQLite's header before it: lengths and types of the columns.
        places = [(at, 0) for at in range(begin, begin + len(stored), 7)]
        places += [(at, bit) for at in range(begin - 9, begin) for bit in range(8)]
        for at, bit in places:
            flipped = bytearray(original)
            flipped[at] ^= 1 << bit
            path.write_bytes(flipped)
            database = Database(f"sqlite+aiosqlite:///{path}")
            if not (await Audit(database).verify()).problem:
                missed.append((row[0], at - begin, bit))
            await database.close()
    path.write_bytes(original)
    assert missed == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET rule = 'x' WHERE seq = 3",
        "UPDATE audit SET rule = rule",
        "DELETE FROM audit WHERE seq = 9",
        "DELETE FROM audit",
    ],
)
async def test_the_database_refuses_changes(written: World, statement: str) -> None:
    """An honest client cannot change or remove what was written, on either database."""
    await refused(written, statement)


@ON_SQLITE
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT"])
async def test_sqlite_does_not_replace_rows(written: World, verb: str) -> None:
    """SQLite's REPLACE removes a row without asking the triggers for DELETE."""
    await refused(
        written, f"{verb} INTO audit SELECT 3, at, 'x', thread_id, rule, data_json, previous, hash FROM audit"
    )


@pytest.mark.parametrize("backend", [pytest.param("postgres", marks=pytest.mark.server)], indirect=True)
async def test_postgresql_does_not_truncate(written: World) -> None:
    """PostgreSQL's TRUNCATE is a change too."""
    await refused(written, "TRUNCATE audit")


async def refused(world: World, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        async with world.database.write() as session:
            await (await session.connection()).execute(text(statement))
    assert await problem(world) == ("", None)


@ON_SQLITE
async def test_nothing_happens_that_cannot_be_recorded(written: World, tamper: Tamper) -> None:
    """Without the chain's head no row can be added, so no effect starts."""
    await written.approved(fire("y", "c2"))
    tamper("DELETE FROM audit_head")
    before = written.effects
    with pytest.raises(NaryadError):
        await written.gate.advance(fire("y", "c2"), OPS)
    assert written.effects == before


async def test_a_check_of_a_busy_chain_is_no_false_alarm(world: World) -> None:
    """Rows that come while the chain is read are not taken for tampering."""

    async def write(n: int) -> None:
        for m in range(15):
            answer = await world.answer(Call(f"c{n}-{m}", "counter_look", {}))
            assert answer.outcome is Outcome.DONE

    async def watch() -> list[str]:
        return [(await world.gate.audit.verify()).problem for _ in range(40)]

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(write(n) for n in range(4)))
    assert set(await watcher) == {""}
    assert (await world.gate.audit.verify()).rows == 60


async def test_a_noted_head_shows_a_rewritten_chain(written: World) -> None:
    """Whoever rewrites the whole chain and its head cannot make an old head be in it."""
    head = (await written.gate.audit.verify()).head
    assert await written.gate.audit.holds(head)
    await written.answer(Call("more", "counter_look", {}))
    assert await written.gate.audit.holds(head)
    assert not await written.gate.audit.holds("0" * 64)


async def test_every_step_leaves_its_line(written: World) -> None:
    """Asked, decided, started, finished, looked, refused: each with what was called, by its digest."""
    rows = await written.gate.audit.rows()
    assert [row.event for row in rows] == [
        "approval.requested",
        "approval.decided",
        "effect.started",
        "effect.finished",
        *["call.read"] * 4,
        "call.refused",
    ]
    asked, decided, started = (json.loads(row.data_json) for row in rows[:3])
    assert asked["args_sha256"] == decided["args_sha256"] == started["args_sha256"]
    assert decided["person"] == "local:anna"


async def values(world: World, column: str, row: int) -> str:
    async with world.database.read() as session:
        query = text(f"SELECT {column} FROM audit WHERE seq = {row}")
        return str((await (await session.connection()).execute(query)).scalar_one())


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
