"""Approvals over HTTP: seen by those whom they concern, decided by those who may, and the run goes on."""

from datetime import timedelta

import httpx
import pytest
from sqlmodel import update

from naryad.accounts.accounts import principal
from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.account import Device
from naryad.db.models.gate import Approval, ApprovalStatus
from server.parts import Parts
from tests.server.asking import URL, Desk
from tests.server.conftest import Signed


@pytest.fixture
def desk(parts: Parts, client: httpx.AsyncClient, sign_in: Signed) -> Desk:
    return Desk(parts, client, sign_in)


async def test_a_yes_lets_the_run_go_on(desk: Desk) -> None:
    """The effect happens once, and the answer says what became of the question."""
    anna = await desk.person()
    [asked] = await desk.ask()
    said = await desk.post(anna, asked, "approve", reason="go", args_sha256=asked.args_sha256)
    assert said.status_code == 200
    await desk.finished(asked.thread_id)
    assert desk.effects == ["fire x"]
    shown = (await desk.client.get(f"{URL}/{asked.id}", headers=anna.headers)).json()
    assert (shown["status"], shown["yes"], shown["may_decide"]) == ("consumed", 1, False)
    [word] = shown["decisions"]
    assert (word["person"], word["verdict"], word["reason"]) == (principal(anna.id), "approve", "go")


async def test_a_yes_needs_no_body(desk: Desk) -> None:
    """A button may send nothing at all."""
    anna = await desk.person()
    [asked] = await desk.ask()
    said = await desk.client.post(f"{URL}/{asked.id}/approve", headers=anna.headers)
    assert said.status_code == 200
    await desk.finished(asked.thread_id)
    assert desk.effects == ["fire x"]


async def test_a_no_ends_it_without_an_effect(desk: Desk) -> None:
    """And a no without its reason is not taken."""
    anna = await desk.person()
    [asked] = await desk.ask()
    assert (await desk.post(anna, asked, "reject")).status_code == 422
    assert (await desk.post(anna, asked, "reject", reason="not now")).json()["status"] == "rejected"
    await desk.finished(asked.thread_id)
    assert desk.effects == []


async def test_an_edit_runs_what_the_editor_wrote(desk: Desk) -> None:
    """The old question is superseded by one that names its editor."""
    anna = await desk.person()
    [asked] = await desk.ask()
    said = (await desk.post(anna, asked, "edit", args={"what": "y"}, args_sha256=asked.args_sha256)).json()
    assert (said["id"] != asked.id, said["edited_by"]) == (True, principal(anna.id))
    await desk.finished(asked.thread_id)
    assert desk.effects == ["fire y"]
    assert await desk.status(asked) is ApprovalStatus.SUPERSEDED


async def test_a_question_shows_what_it_is_about(desk: Desk) -> None:
    """Tool, risk, arguments, who asked, who may decide, until when."""
    anna = await desk.person()
    [asked] = await desk.ask("the gun")
    shown = (await desk.client.get(f"{URL}/{asked.id}", headers=anna.headers)).json()
    assert shown["arguments"][-1] == {"name": "what", "value": "the gun", "provenance": None}
    assert {key: shown[key] for key in ("tool", "risk", "agent", "principal", "question", "preview")} == {
        "tool": "counter_fire",
        "risk": "destructive",
        "agent": "ops",
        "principal": "system:test",
        "question": "Fire the gun?",
        "preview": "will write the gun",
    }
    assert (shown["roles"], shown["quorum"], shown["yes"]) == (["operator", "admin"], 1, 0)
    assert shown["may_decide"]


async def test_a_secret_is_not_shown_and_not_sent_back(desk: Desk) -> None:
    """What was masked cannot become the value by an edit of something else."""
    anna = await desk.person()
    [asked] = await desk.ask("password=hunter22", principal=principal(anna.id))
    for place in (f"/api/v1/threads/{asked.thread_id}/state", URL, f"{URL}/{asked.id}"):
        got = await desk.client.get(place, headers=anna.headers)
        assert (asked.id in got.text, "hunter22" in got.text) == (True, False), place
    masked = got.json()["arguments"][-1]["value"]
    assert (await desk.post(anna, asked, "edit", args={"what": masked})).status_code == 422
    assert await desk.status(asked) is ApprovalStatus.PENDING


async def test_the_list_pages_and_filters(desk: Desk) -> None:
    """Every question once, the newest first."""
    anna = await desk.person()
    first, second, third = await desk.ask("a", "b", "c")
    await desk.post(anna, second, "reject", reason="no")

    async def page(**query: str | int) -> tuple[list[str], str | None]:
        got = (await desk.client.get(URL, params=query, headers=anna.headers)).json()
        return [row["id"] for row in got["approvals"]], got["next"]

    found, cursor = await page(limit=2)
    rest, _end = await page(limit=2, cursor=cursor or "")
    assert found + rest == sorted([first.id, second.id, third.id], reverse=True)
    assert set((await page(status="pending"))[0]) == {first.id, third.id}
    assert (await page(thread="another"))[0] == []


async def test_everybody_sees_what_concerns_them(desk: Desk) -> None:
    """Whom it was asked for sees it, whoever they are; of others only those who may decide it."""
    user, manager, operator = [await desk.person(role) for role in (Role.USER, Role.MANAGER, Role.OPERATOR)]
    [asked] = await desk.ask(principal=principal(user.id))
    seen = {}
    for who in (user, manager, operator):
        got = await desk.client.get(f"{URL}/{asked.id}", headers=who.headers)
        listed = (await desk.client.get(URL, headers=who.headers)).json()["approvals"]
        seen[who.role] = (got.status_code, len(listed), bool(listed and listed[0]["may_decide"]))
    assert seen == {Role.USER: (200, 1, False), Role.MANAGER: (404, 0, False), Role.OPERATOR: (200, 1, True)}


@pytest.mark.parametrize("verb", ["approve", "edit"])
async def test_whoever_the_policy_names_decides(desk: Desk, verb: str) -> None:
    """A manager, where the policy says so; then it is not even there for an operator."""
    desk.policy("{roles: [manager]}")
    manager, operator = await desk.person(Role.MANAGER), await desk.person()
    [asked] = await desk.ask()
    body = {"args": {"what": "y"}} if verb == "edit" else {}
    [line] = (await desk.client.get(URL, headers=manager.headers)).json()["approvals"]
    assert line["may_decide"]
    assert (await desk.post(operator, asked, verb, **body)).status_code == 404
    assert (await desk.post(manager, asked, verb, **body)).status_code == 200
    await desk.finished(asked.thread_id)
    assert desk.effects == ["fire y" if verb == "edit" else "fire x"]


async def test_a_quorum_needs_two_people(desk: Desk) -> None:
    """The first yes alone lets nothing happen."""
    desk.policy("{quorum: 2}")
    anna, boris = await desk.person(), await desk.person(Role.ADMIN)
    [asked] = await desk.ask()
    said = (await desk.post(anna, asked, "approve")).json()
    assert (said["status"], said["yes"], said["quorum"], desk.effects) == ("pending", 1, 2, [])
    await desk.post(boris, asked, "approve")
    await desk.finished(asked.thread_id)
    assert desk.effects == ["fire x"]


@pytest.mark.parametrize("verb", ["approve", "edit"])
async def test_an_emergency_wants_a_second_factor(desk: Desk, verb: str) -> None:
    """Shown long ago it does not count; shown again it does."""
    desk.policy("{second_factor: true}")
    anna = await desk.person(Role.ADMIN, second_factor=True)
    body = {"args": {"what": "y"}} if verb == "edit" else {}
    [asked] = await desk.ask()

    async def shown(ago: timedelta) -> None:
        async with desk.parts.crew.runtime.database.write() as session:
            await session.exec(update(Device).values(second_factor_at=now() - ago))

    await shown(timedelta(hours=1))
    assert (await desk.post(anna, asked, verb, **body)).status_code == 409
    assert (desk.effects, await desk.status(asked)) == ([], ApprovalStatus.PENDING)
    await shown(timedelta(minutes=1))
    assert (await desk.post(anna, asked, verb, **body)).status_code == 200
    await desk.finished(asked.thread_id)
    assert desk.effects == ["fire y" if verb == "edit" else "fire x"]


async def test_a_late_answer_finds_the_question_expired(desk: Desk) -> None:
    """The list says so too."""
    anna = await desk.person()
    await desk.ask()
    async with desk.parts.crew.runtime.database.write() as session:
        await session.exec(update(Approval).values(expires_at=now() - timedelta(seconds=1)))
    listed = (await desk.client.get(URL, headers=anna.headers)).json()["approvals"]
    assert [row["status"] for row in listed] == ["expired"]
