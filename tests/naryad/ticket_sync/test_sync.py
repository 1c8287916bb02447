"""Tickets go to the tracker once, and words, states and priorities both ways, without echoes."""

import pytest

from naryad.db.models.ticket import Author, Priority, TicketStatus
from naryad.events import EventLog, EventType
from naryad.tickets import removal
from tests.naryad.ticket_sync.conftest import Both


async def test_a_ticket_is_copied_once(both: Both) -> None:
    """With its words, its priority and our key, however often it is looked at."""
    ticket = await both.ticket(priority=Priority.HIGH)
    for _n in range(3):
        await both.settle()
    [issue] = both.there.issues
    copy = await both.copy(ticket)
    assert both.there.priority in {"High", "2"}
    assert copy.url.startswith(both.there.url)
    told = vars(issue) if both.there.name == "jira" else issue
    assert f"naryad-{ticket.id}" in str(told)
    assert "The printer smokes" in told["description"]
    assert f"№{ticket.number}" in told["description"]
    assert copy.external_id in {told.get("key"), told.get("sys_id")}


async def test_words_go_both_ways_each_once(both: Both) -> None:
    """What the requester may read, and nothing else; nothing comes back as an echo."""
    ticket = await both.ticket(thread_id="t")
    await both.say(ticket, "It still smokes")
    await both.say(ticket, "For us alone", Author.STAFF, public=False)
    await both.settle()
    both.there.say("Is it plugged in?")
    both.there.say("A fool", hidden=True)
    await both.settle()
    await both.say(ticket, "It is", Author.STAFF)
    for _n in range(3):
        await both.settle()
    here = await both.journal(ticket)
    assert [entry.text for entry in here if entry.public] == ["It still smokes", "Is it plugged in?", "It is"]
    [theirs] = [entry for entry in here if entry.text == "Is it plugged in?"]
    assert (theirs.by, theirs.author) in {("jira:Boris", Author.STAFF), ("servicenow:boris", Author.STAFF)}
    said = both.there.comments
    assert len(said) == 3
    assert not any("alone" in text for text in said)
    assert (await both.tickets.of_id(ticket.id)).responded_at is not None
    heard = await EventLog(both.tickets.database).since("t", kinds=[EventType.MESSAGE])
    assert [event.data["text"] for event in heard] == ["Is it plugged in?", "It is"]


async def test_what_we_may_not_read_back_is_said_once(both: Both) -> None:
    """A tracker that keeps our own comments from us is not told them again and again."""
    ticket = await both.ticket()
    await both.settle()
    await both.say(ticket, "It still smokes")
    await both.sync.look()
    assert len(both.there.comments) == 1
    writes = len(both.there.writes)
    both.there.hide()
    await both.settle()
    both.there.say("Is it plugged in?")
    await both.settle()
    assert len(both.there.writes) == writes
    assert [entry.text for entry in await both.journal(ticket)] == ["It still smokes", "Is it plugged in?"]


async def test_who_quotes_us_is_heard(both: Both) -> None:
    """The mark of our own words at the end of somebody else's does not make them ours."""
    ticket = await both.ticket()
    await both.say(ticket, "It still smokes")
    await both.settle()
    await both.settle()
    both.there.say(f"Put it out!\n\n{both.there.comments[0]}")
    await both.settle()
    texts = [entry.text for entry in await both.journal(ticket)]
    assert len(texts) == 2
    assert texts[1].startswith("Put it out!")


async def test_states_go_there(both: Both) -> None:
    """Each of ours has its own there, as far as the workflow has one."""
    ticket = await both.ticket()
    await both.settle()
    found = []
    for step in (both.tickets.wait, both.tickets.resolve, both.tickets.reopen, both.tickets.close):
        await step(ticket.id, "account:clara")
        await both.settle()
        found.append(both.there.status)
    assert found in (["Waiting for customer", "Done", "In Progress", "Closed"], ["3", "6", "2", "7"])
    assert (await both.tickets.of_id(ticket.id)).status is TicketStatus.CLOSED


@pytest.mark.parametrize(
    ("jira_status", "state", "ours"),
    [
        ("Waiting for customer", "3", TicketStatus.WAITING),
        ("Done", "6", TicketStatus.RESOLVED),
        ("Closed", "7", TicketStatus.CLOSED),
    ],
)
async def test_states_come_from_there(both: Both, jira_status: str, state: str, ours: TicketStatus) -> None:
    """And back again: work goes on here when it does there."""
    ticket = await both.ticket()
    await both.settle()
    both.there.world.ahead += both.there.world.ahead.resolution * 2_000_000
    both.there.move(jira_status, state)
    await both.settle()
    assert (await both.tickets.of_id(ticket.id)).status is ours
    both.there.move("In Progress", "2")
    await both.settle()
    assert (await both.tickets.of_id(ticket.id)).status is TicketStatus.OPEN
    assert both.there.status in {"In Progress", "2"}


async def test_priorities_go_both_ways(both: Both) -> None:
    """The tracker's own words are not written over by their nearest of ours."""
    ticket = await both.ticket()
    await both.settle()
    await both.tickets.change(ticket.id, "account:clara", priority=Priority.CRITICAL)
    await both.settle()
    assert both.there.priority in {"Highest", "1"}
    both.there.rank("Lowest", "3", "3")
    await both.settle()
    assert (await both.tickets.of_id(ticket.id)).priority is Priority.LOW
    assert both.there.priority in {"Lowest", "5"}


@pytest.mark.parametrize("ours_later", [True, False])
async def test_of_two_changes_the_later_holds_and_is_told(both: Both, ours_later: bool) -> None:
    """A note for the staff says what was overruled."""
    ticket = await both.ticket()
    await both.settle()
    both.there.world.ahead = both.there.world.ahead.resolution * (-60_000_000 if ours_later else 60_000_000)
    both.there.rank("Low", "3", "2" if both.there.name == "jira" else "3")
    await both.tickets.change(ticket.id, "account:clara", priority=Priority.CRITICAL)
    await both.settle()
    ours, theirs = (await both.tickets.of_id(ticket.id)).priority, both.there.priority
    assert (ours is Priority.CRITICAL, theirs in {"Highest", "1"}) == (ours_later, ours_later)
    [note] = await both.journal(ticket)
    assert not note.public
    assert "critical" in note.text
    assert "low" in note.text


async def test_a_merged_ticket_is_closed_there(both: Both) -> None:
    """Its words go to the copy of the one that took it over, and its own copy moves nothing here any more."""
    ticket, other = await both.ticket(), await both.ticket("The scanner smokes")
    await both.say(ticket, "It still smokes")
    await both.settle()
    await both.tickets.merge(ticket.id, other.id, "account:clara")
    await both.settle()
    assert both.there.status in {"Closed", "7"}
    both.there.move("In Progress", "2")
    await both.settle()
    assert (await both.tickets.of_id(ticket.id)).status is TicketStatus.MERGED
    assert (await both.tickets.of_id(other.id)).status is TicketStatus.NEW


async def test_what_was_over_and_who_was_forgotten_stay_here(both: Both) -> None:
    """A ticket that was closed before is not copied; one whose requester was erased is not told any more."""
    closed = await both.ticket()
    await both.tickets.close(closed.id, "account:clara")
    await both.settle()
    assert both.there.issues == []
    forgotten = await both.ticket()
    await both.settle()
    async with both.tickets.database.write() as session:
        held = await session.get_one(type(forgotten), forgotten.id)
        held.requester = removal.REQUESTER
        session.add(held)
    await both.say(forgotten, "more", Author.STAFF)
    await both.settle()
    assert both.there.comments == []
