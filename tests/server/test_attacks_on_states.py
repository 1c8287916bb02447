"""A question is answered once: late, repeated, swapped and simultaneous answers change nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import update

from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.testing.counter import CounterTools
from server.parts import Parts
from tests.server.asking import Desk
from tests.server.conftest import Signed, SignedIn

VERBS: dict[str, dict[str, Any]] = {"approve": {}, "reject": {"reason": "no"}, "edit": {"args": {"what": "evil"}}}
CLIENTS = 20


@pytest.fixture
def desk(parts: Parts, client: httpx.AsyncClient, sign_in: Signed) -> Desk:
    return Desk(parts, client, sign_in)


async def closed(desk: Desk, who: SignedIn, asked: Approval, status: ApprovalStatus) -> None:
    """No word counts any more, of nobody, and the question keeps its end."""
    other, effects = await desk.person(Role.ADMIN), desk.effects
    for person in (who, other):
        for verb, body in VERBS.items():
            assert (await desk.post(person, asked, verb, **body)).status_code == 409
    assert (await desk.status(asked), desk.effects) == (status, effects)


async def test_a_yes_again(desk: Desk) -> None:
    """The same request, sent again by whoever recorded it, has no second effect."""
    anna = await desk.person()
    [asked] = await desk.ask()
    await desk.post(anna, asked, "approve")
    await desk.finished(asked.thread_id)
    await closed(desk, anna, asked, ApprovalStatus.CONSUMED)
    assert desk.effects == ["fire x"]


async def test_a_yes_after_a_no(desk: Desk) -> None:
    """A no is the end."""
    anna = await desk.person()
    [asked] = await desk.ask()
    await desk.post(anna, asked, "reject", reason="no")
    await closed(desk, anna, asked, ApprovalStatus.REJECTED)
    assert desk.effects == []


async def test_a_yes_too_late(desk: Desk) -> None:
    """Silence was a no."""
    anna = await desk.person()
    [asked] = await desk.ask()
    async with desk.parts.crew.runtime.database.write() as session:
        await session.exec(update(Approval).values(expires_at=now() - timedelta(seconds=1)))
    await closed(desk, anna, asked, ApprovalStatus.EXPIRED)
    assert desk.effects == []


async def test_a_yes_to_a_cancelled_run(desk: Desk) -> None:
    """Its question was withdrawn."""
    anna = await desk.person()
    [asked] = await desk.ask()
    await desk.parts.driver.cancel(asked.thread_id, "local:root")
    await closed(desk, anna, asked, ApprovalStatus.WITHDRAWN)
    assert desk.effects == []


async def test_a_yes_to_what_was_edited(desk: Desk) -> None:
    """Only the new arguments run, once."""
    anna = await desk.person()
    [asked] = await desk.ask()
    await desk.post(anna, asked, "edit", args={"what": "y"})
    await desk.finished(asked.thread_id)
    await closed(desk, anna, asked, ApprovalStatus.SUPERSEDED)
    assert desk.effects == ["fire y"]


async def test_a_yes_to_a_world_that_changed(desk: Desk) -> None:
    """The yes does not hold for another state: it is asked again, and the old question cannot be answered."""
    anna = await desk.person()
    [asked] = await desk.ask()
    CounterTools(desk.parts.settings.home / "world").set_state("changed")
    await desk.post(anna, asked, "approve")
    again = await desk.until(lambda rows: len(rows) == 2, asked.thread_id)
    await closed(desk, anna, asked, ApprovalStatus.STALE)
    assert ([row.status for row in again if row.id != asked.id], desk.effects) == ([ApprovalStatus.PENDING], [])


async def test_a_yes_to_another_question(desk: Desk) -> None:
    """With the digest of what was seen, the id of another question does not pass; nor does its neighbour run."""
    anna = await desk.person()
    harmless, evil = await desk.ask("harmless", "the last server")
    assert (await desk.post(anna, evil, "approve", args_sha256=harmless.args_sha256)).status_code == 409
    assert (await desk.post(anna, harmless, "approve", args_sha256=harmless.args_sha256)).status_code == 200
    await desk.until(lambda rows: ApprovalStatus.CONSUMED in {row.status for row in rows}, harmless.thread_id)
    assert await desk.status(evil) is ApprovalStatus.PENDING
    assert not any("server" in effect for effect in desk.effects)


async def test_twenty_at_once(desk: Desk) -> None:
    """Yes, no and edits of twenty people in the same moment: one word counts, and one effect at most is its own."""
    people = [await desk.person() for _n in range(4)]
    people += [await person.again(desk.parts) for person in people for _n in range(4)]
    [asked] = await desk.ask()
    answers = await asyncio.gather(*(desk.post(person, asked, "approve") for person in people[:CLIENTS]))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (CLIENTS - 1)
    await desk.finished(asked.thread_id)
    assert desk.effects == ["fire x"]


async def test_a_yes_a_no_and_an_edit_at_once(desk: Desk) -> None:
    """Whichever comes first is the only one."""
    people = [await desk.person() for _n in range(3)]
    [asked] = await desk.ask()
    said = zip(people * 3, [*VERBS] * 3, strict=True)
    answers = await asyncio.gather(*(desk.post(person, asked, verb, **VERBS[verb]) for person, verb in said))
    winner = [[*VERBS][n % 3] for n, answer in enumerate(answers) if answer.status_code == 200]
    assert len(winner) == 1
    await desk.finished(asked.thread_id)
    assert desk.effects == {"approve": ["fire x"], "reject": [], "edit": ["fire evil"]}[winner[0]]
