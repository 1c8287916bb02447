"""Jira: the simulator is one to a client that is not ours, and our own takes what a real one answers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from jira import JIRA
from jira.exceptions import JIRAError

from lab.jira.server import TOKEN, USER, Simulator, simulator
from lab.tracker_faults import Fault
from naryad.db.models.ticket import Priority
from naryad.errors import ToolFailed
from naryad.ticket_sync.mapping import JiraWords
from naryad.ticket_sync.tracker import State, Unavailable
from tools.jira.client import JiraClient
from tools.jira.tracker import JiraTracker


@pytest.fixture(params=[True, False], ids=["cloud", "data-center"])
async def there(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    async with simulator(cloud=request.param) as running:
        yield running


@pytest.fixture
async def tracker(there: Simulator) -> AsyncIterator[JiraTracker]:
    user = USER if there.world.cloud else ""  # a Data Center takes the token alone
    made = JiraTracker(JiraClient(there.url, user, TOKEN), "HELP", JiraWords())
    yield made
    await made.close()


async def test_a_foreign_client_takes_it_for_a_jira(there: Simulator) -> None:
    """It makes, finds, comments, edits and moves an issue, and is told its mistakes."""

    def work() -> None:
        client = JIRA(there.url, basic_auth=(USER, TOKEN), max_retries=0)
        made = client.create_issue(
            project={"key": "HELP"}, summary="Smoke", description="-", issuetype={"name": "Task"}, labels=["a"]
        )
        for n in range(60):
            client.add_comment(made, f"comment {n}")
        assert client.comments(made)[0].body == "comment 0"
        made.update(priority={"name": "High"})
        ways = {way["to"]["name"]: way["id"] for way in client.transitions(made)}
        client.transition_issue(made, ways["Done"])
        found = client.search_issues('project = "HELP" AND labels = "a" AND updated >= "-5m" ORDER BY updated DESC')
        assert [issue.key for issue in found] == [made.key] == ["HELP-1"]
        read = client.issue(made.key)
        assert (read.fields.status.name, read.fields.priority.name) == ("Done", "High")
        with pytest.raises(JIRAError, match="does not exist"):
            client.issue("HELP-2")
        with pytest.raises(JIRAError, match="Error in the JQL"):
            client.search_issues("nonsense ~ 1")

    await asyncio.to_thread(work)


async def test_an_issue_is_found_by_its_key(there: Simulator, tracker: JiraTracker) -> None:
    """And not by another's."""
    assert await tracker.find("naryad-1") is None
    made = await tracker.create("naryad-1", "Smoke\u2026" * 100, "The printer", Priority.CRITICAL)
    assert await tracker.find("naryad-1") == made == await tracker.get(made.id)
    assert await tracker.find("naryad-2") is None
    assert (made.state, made.priority) == (State.OPEN, Priority.CRITICAL)


async def test_everything_is_read_page_by_page(there: Simulator, tracker: JiraTracker) -> None:
    """Comments, and what changed lately."""
    for n in range(120):
        await tracker.create(f"naryad-{n}", f"Smoke {n}", "The printer", Priority.LOW)
    for n in range(120):
        there.world.say("HELP-1", "boris", f"comment {n}", hidden=n % 2 == 1)
    assert [said.text for said in await tracker.said("HELP-1")] == [f"comment {n}" for n in range(0, 120, 2)]
    changed = await tracker.changed(5)
    assert len({*changed}) == len(changed) == 120
    there.world.ahead += 10 * 60 * there.world.ahead.resolution * 1_000_000
    assert await tracker.changed(5) == []


async def test_too_many_comments_are_refused(
    there: Simulator, tracker: JiraTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours may be among those that were not read: they would be said again."""
    monkeypatch.setattr("tools.jira.client.MOST_PAGES", 1)
    made = await tracker.create("naryad-1", "Smoke", "The printer", Priority.LOW)
    for n in range(50):
        there.world.say(made.id, "boris", f"comment {n}")
    assert len(await tracker.said(made.id)) == 50
    there.world.say(made.id, "boris", "one more")
    with pytest.raises(ToolFailed, match="more than 50"):
        await tracker.said(made.id)


async def test_a_strangers_markup_has_no_effect(there: Simulator, tracker: JiraTracker) -> None:
    """It stands in a block without markup, which it cannot end, and mentions nobody; our mark stays the last word."""
    text = "!http://evil.example/a.png!\n{noformat}\n{NoFormat:title=x}[~boris] [~accountid:1] [a] {code}"
    made = await tracker.create("naryad-1", "Smoke", text, Priority.LOW)
    await tracker.say(made.id, text * 1000, "(naryad 1)")
    issue = there.world.issues[made.id]
    for block in (issue.description, issue.comments[0].body.removesuffix("\n\n(naryad 1)")):
        assert len(block) < 32_000
        assert block.startswith("{noformat}\n!http://evil.example/a.png!\n")
        assert block.endswith("\n{noformat}")
        assert block.lower().count("{noformat") == 2
        assert "[~" not in block
        assert "[a] {code}" in block


async def test_a_project_without_priorities(there: Simulator, tracker: JiraTracker) -> None:
    """Takes the issue without one; another refusal stays one."""
    there.world.with_priority = False
    made = await tracker.create("naryad-1", "Smoke", "The printer", Priority.HIGH)
    await tracker.rank(made.id, Priority.LOW)
    assert made.priority is Priority.MEDIUM
    with pytest.raises(ToolFailed, match="summary"):
        await tracker.create("naryad-2", "", "The printer", Priority.HIGH)


async def test_a_workflow_of_other_words(there: Simulator, tracker: JiraTracker) -> None:
    """What it has no word for is left; what it calls otherwise counts by its category."""
    there.world.statuses = {"To Do": "new", "Shelved": "indeterminate", "Shipped": "done"}
    made = await tracker.create("naryad-1", "Smoke", "The printer", Priority.HIGH)
    assert not await tracker.move(made.id, State.WAITING)
    states = []
    for status in ("Shelved", "Shipped", "To Do"):
        there.world.move(made.id, status)
        states.append((await tracker.get(made.id)).state)
    assert states == [State.OPEN, State.RESOLVED, State.OPEN]


@pytest.mark.parametrize(
    ("after", "seconds"),
    [("30", 30.0), ("", None), ("soon", None), ("999999999", 3600.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 1.0)],
)
async def test_a_pause_is_understood(there: Simulator, tracker: JiraTracker, after: str, seconds: float | None) -> None:
    """As seconds or as a date; a mad one is bounded."""
    there.faults.add(Fault(429, after=after))
    with pytest.raises(Unavailable) as told:
        await tracker.check()
    assert told.value.seconds == seconds


async def test_a_secret_is_in_no_error(there: Simulator, tracker: JiraTracker) -> None:
    """Neither the token nor what the answer quotes of it."""
    there.faults.revoked = True
    with pytest.raises(Unavailable, match="HTTP 401") as told:
        await tracker.check()
    assert TOKEN not in f"{told.value!r}{told.value.message}"
