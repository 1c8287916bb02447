"""What breaks between us and the tracker makes no second ticket, no second comment, and no lost one."""

import asyncio
from typing import Any

import pytest
from httpx import InvalidURL
from sqlalchemy.exc import OperationalError

from lab.tracker_faults import Fault
from naryad.db.models.external_ticket import ExternalTicket
from naryad.errors import Refused, ToolFailed
from naryad.ticket_sync import copies, sync, words
from naryad.ticket_sync.tracker import Remote, Unavailable
from tests.naryad.ticket_sync.conftest import Both

LOST = Fault(status=0)
CREATE = {"jira": "POST /rest/api/2/issue", "servicenow": "POST /api/now/table/incident"}


async def look(both: Both) -> None:
    """Look several times, the pauses being over."""
    for _n in range(6):
        await both.rested()
        await both.sync.look()


@pytest.mark.parametrize("fault", [LOST, Fault(status=500), Fault(status=502)], ids=["lost", "500", "502"])
async def test_an_answer_that_is_lost_makes_no_second_ticket(both: Both, fault: Fault) -> None:
    """It is looked for by our key before it is made again."""
    create = CREATE[both.there.name]
    both.there.faults.add(Fault(fault.status, to=create))
    ticket = await both.ticket()
    await both.sync.look()
    copy = await both.copy(ticket)
    assert (copy.external_id, copy.attempts, copy.dead) == (None, 1, False)
    await look(both)
    assert len(both.there.issues) == 1
    assert (await both.copy(ticket)).attempts == 0


async def test_an_answer_that_is_lost_makes_no_second_comment(both: Both) -> None:
    """It is known by its mark when it is read."""
    ticket = await both.ticket()
    await both.settle()
    await both.say(ticket, "It still smokes")
    path = "POST /rest/api/2/issue/HELP-1/comment" if both.there.name == "jira" else "PATCH /api/now/table/incident"
    both.there.faults.add(Fault(to=path))
    await look(both)
    await both.settle()
    assert len(both.there.comments) == 1
    assert len(await both.journal(ticket)) == 1


async def test_a_crash_before_the_commit_makes_no_second_ticket(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process finds what the dead one had made."""

    async def crash(*_args: object, **_more: object) -> None:
        raise asyncio.CancelledError

    ticket = await both.ticket()
    with monkeypatch.context() as dead:
        dead.setattr(copies.Copies, "keep", crash)
        with pytest.raises(asyncio.CancelledError):
            await both.sync.look()
    assert len(both.there.issues) == 1
    assert (await both.copy(ticket)).external_id is None
    await both.settle(both.open())
    assert len(both.there.issues) == 1
    assert (await both.copy(ticket)).external_id


async def test_nobody_holds_what_they_do_not_work_on(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the tracker keeps one process waiting with one ticket, another copies the others: no lease runs out."""
    for n in range(3):
        await both.ticket(f"Printer {n}")
    create, reached, go_on = both.sync._tracker.create, asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> Remote:
        reached.set()
        await go_on.wait()
        return await create(*given)

    monkeypatch.setattr(both.sync._tracker, "create", slow)
    waiting = asyncio.create_task(both.sync.look())
    await reached.wait()
    assert await both.open().look() == 2
    go_on.set()
    await waiting
    assert len(both.there.issues) == 3


async def test_two_processes_share_the_work(both: Both) -> None:
    """Each ticket is copied by one of them, and each comment said by one."""
    tickets = [await both.ticket(f"Printer {n}") for n in range(8)]
    for ticket in tickets:
        await both.say(ticket, f"It smokes in {ticket.number}")
    processes = [both.sync, both.open(), both.open()]

    async def work(one: sync.TicketSync) -> None:
        for _n in range(4):
            await one.ask()
            await one.look()

    await asyncio.gather(*map(work, processes))
    await both.settle()
    assert len(both.there.issues) == len(both.there.comments) == 8


async def test_a_pause_is_kept_for_the_whole_tracker(both: Both) -> None:
    """A 429 says for how long; nothing is counted against the tickets."""
    tickets = [await both.ticket(f"Printer {n}") for n in range(3)]
    both.there.faults.add(Fault(429, after="17"))
    with pytest.raises(Unavailable) as told:
        await both.sync.look()
    assert told.value.seconds == 17
    assert len(both.there.faults.asked) == 1
    for ticket in tickets:
        copy = await both.copy(ticket)
        assert (copy.attempts, copy.dead, copy.owner) == (0, False, None)
    await both.settle()
    assert len(both.there.issues) == 3


async def test_a_revoked_token_gives_no_ticket_up(both: Both) -> None:
    """Everything waits, and goes on when it is put right; the token stands in no text."""
    ticket = await both.ticket()
    both.there.faults.revoked = True
    for _n in range(copies.ATTEMPTS + 1):
        with pytest.raises(Unavailable, match="401") as told:
            await both.sync.look()
    assert "the-token" not in told.value.message
    assert "the-password" not in told.value.message
    assert not await both.journal(ticket)
    both.there.faults.revoked = False
    await both.settle()
    assert len(both.there.issues) == 1


async def test_a_tracker_that_is_not_there(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no fault of the tickets."""
    await both.ticket()
    lone = both.open()
    monkeypatch.setattr(lone._tracker._client._rest, "_url", "http://127.0.0.1:9")  # type: ignore[attr-defined]
    with pytest.raises(Unavailable, match="cannot be reached"):
        await lone.look()


async def test_what_fails_again_and_again_is_given_up_and_said(both: Both) -> None:
    """In the ticket, to the staff; the others go on, and so does it when it changes."""
    create = CREATE[both.there.name]
    ticket = await both.ticket()
    both.there.faults.add(*[Fault(500, to=create)] * copies.ATTEMPTS)
    for _n in range(copies.ATTEMPTS + 3):
        await both.rested()
        await both.sync.look()
    copy = await both.copy(ticket)
    assert copy.dead
    [note] = await both.journal(ticket)
    assert not note.public
    assert "HTTP 500" in note.text
    other = await both.ticket("The scanner smokes")
    await both.settle()
    assert (await both.copy(other)).external_id
    await both.say(ticket, "It still smokes")
    await both.settle()
    copy = await both.copy(ticket)
    assert (copy.dead, copy.error, bool(copy.external_id)) == (False, "", True)


async def test_what_is_refused_is_given_up_at_once(both: Both) -> None:
    """Trying again would not help."""
    create = CREATE[both.there.name]
    ticket = await both.ticket()
    both.there.faults.add(Fault(422, to=create))
    await both.sync.look()
    assert (await both.copy(ticket)).dead
    assert len(await both.journal(ticket)) == 1


async def test_a_slow_tracker_is_waited_for(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not for ever: then it is tried again."""
    ticket = await both.ticket()
    await both.settle()
    monkeypatch.setattr(sync, "ROUND_S", 0.2)
    both.there.faults.add(Fault(200, slow_s=5))
    await both.say(ticket, "It still smokes")
    await both.sync.look()
    assert (await both.copy(ticket)).attempts == 1
    monkeypatch.setattr(sync, "ROUND_S", 60)
    await look(both)
    assert len(both.there.comments) == 1


async def test_an_answer_in_another_shape_breaks_nothing_else(both: Both) -> None:
    """A proxy's JSON is no ticket."""
    create = CREATE[both.there.name]
    ticket = await both.ticket()
    both.there.faults.add(Fault(200, to=create))
    await both.sync.look()
    assert (await both.copy(ticket)).attempts == 1
    await look(both)
    assert len(both.there.issues) == 1


@pytest.mark.parametrize("trouble", [OperationalError("", {}, OSError()), InvalidURL("no"), Refused("No.")], ids=type)
async def test_what_nobody_expected_rests_and_lets_the_others_go_on(
    both: Both, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """It counts as a failure, so that it comes later, after all others."""
    ticket, exchange = await both.ticket(), words.Words.exchange

    async def breaks(self: words.Words, copy: ExternalTicket) -> None:
        if copy.ticket_id == ticket.id:
            raise trouble
        await exchange(self, copy)

    monkeypatch.setattr(words.Words, "exchange", breaks)
    other = await both.ticket("The scanner smokes")
    assert await both.sync.look() == 2
    copy = await both.copy(ticket)
    assert (copy.attempts, copy.dead, copy.owner, bool(copy.due_at)) == (1, False, None, True)
    assert (await both.copy(other)).seen_at


async def test_what_changed_there_while_nobody_asked_is_asked_for(both: Both) -> None:
    """A question that failed does not move the mark up to which was asked."""
    await both.ticket()
    await both.settle()
    both.there.say("Is it plugged in?")
    both.there.faults.add(Fault(422))
    with pytest.raises(ToolFailed):
        await both.open().ask()
    await both.settle()
    assert len(both.there.comments) == 1
