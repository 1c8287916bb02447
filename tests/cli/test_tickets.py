"""`naryad tickets`: a ticket from its making to the figures, at the terminal."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import Ran

pytestmark = [pytest.mark.may_block, pytest.mark.slow, pytest.mark.timeout(600)]
Naryad = Callable[..., Ran]


def test_tickets_are_worked_on(naryad: Naryad) -> None:
    """Each step told as JSON, then as people read it."""

    def tickets(*arguments: str) -> dict[str, object]:
        ran = naryad("tickets", *arguments, "--json")
        assert ran.code == 0, ran.err
        found: dict[str, object] = ran.lines[0]
        return found

    made = tickets("create", "The printer jams", "--priority", "high")
    assert (made["number"], made["priority"], made["channel"]) == (1, "high", "cli")
    tickets("create", "It jams again")
    assert tickets("merge", "2", "#1")["number"] == 1
    assert tickets("assign", "1")["assignee"] == made["requester"]
    assert tickets("comment", "1", "Nosy", "--internal")["responded_at"] is None
    assert tickets("close", "1", "--reason", "New cartridge")["status"] == "closed"
    assert tickets("reopen", "1")["reopened"] == 1
    shown = naryad("tickets", "show", "1").out
    assert all(word in shown for word in ("It jams again", "Nosy", "New cartridge", "reopened"))
    assert [ticket["number"] for ticket in naryad("tickets", "list", "--json").lines] == [1]
    assert tickets("stats")["total"]["tickets"] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "7"), 2),
        (("list", "--status", "lost"), 2),
        (("create", "x", "--requester", "nobody@example.ru"), 2),
    ],
)
def test_what_is_wrong_is_one_line(naryad: Naryad, arguments: tuple[str, ...], code: int) -> None:
    """A ticket, a status, a person that is not there."""
    ran = naryad("tickets", *arguments)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1), ran.err
