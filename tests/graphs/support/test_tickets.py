"""Tickets: opened once, added to, told about, and nobody else's."""

import pytest

from naryad.db.models.ticket import Ticket
from tests.graphs.support.conftest import Desk, Open

UNKNOWN = "where is the first aid kit"


async def mine(desk: Desk) -> list[Ticket]:
    return list(await desk.crew.tickets.listed(requester=desk.principal))


async def test_a_yes_makes_a_ticket_of_the_question(desk: Open) -> None:
    """Its words, its requester and its thread are those of the conversation."""
    async with desk() as boris:
        await boris.say(UNKNOWN)
        told = await boris.say("yes")
        [ticket] = await mine(boris)
    assert (ticket.text, ticket.thread_id, f"#{ticket.number}" in told) == (UNKNOWN, "t", True)


@pytest.mark.parametrize(
    "text", ["Создайте заявку: сломался стул", "оформи обращение, сломался стул", "open a ticket: my chair broke"]
)
async def test_a_wish_for_a_ticket_opens_one(desk: Open, text: str) -> None:
    """What comes later in the conversation is added to it."""
    async with desk() as boris:
        await boris.say(text)
        await boris.say("создай заявку: и стол тоже")
        [ticket] = await mine(boris)
        journal = await boris.crew.tickets.journal(ticket.id)
    assert ticket.text == text
    assert "создай заявку: и стол тоже" in [entry.text for entry in journal]


async def test_status_is_told_of_one_s_own_tickets_only(desk: Open) -> None:
    """Another person's ticket is as if it were not there."""
    async with desk() as boris:
        await boris.say("создай заявку: сломался стул")
        [ticket] = await mine(boris)
        assert "сломался стул" in await boris.say(f"что с заявкой {ticket.number}?")
        assert "сломался стул" in await boris.say("мои заявки")
    async with desk(principal="account:eve", thread="eve") as eve:
        assert "стул" not in await eve.say(f"статус заявки #{ticket.number}")
        assert "стул" not in await eve.say("мои заявки")
        await eve.say(f"добавь к заявке {ticket.number}: закройте её")
        journal = await eve.crew.tickets.journal(ticket.id)
    assert not any("закройте" in entry.text for entry in journal)


@pytest.mark.parametrize(
    "text", ["кабинет №5, принтер не печатает", "VPN error #691", "the printer in room no 5 is stuck"]
)
async def test_a_number_of_something_else_is_no_ticket(desk: Open, text: str) -> None:
    """Rooms and errors have numbers too."""
    async with desk() as boris:
        assert (await boris.put(text)).values["outcome"] in ("answered", "unknown")


async def test_a_letter_that_nobody_can_answer_is_a_ticket_at_once(desk: Open) -> None:
    """A letter cannot say yes a moment later."""
    async with desk(principal="mail:stranger@example.org") as stranger:
        told = await stranger.say("Подскажите, кто написал «Войну и мир»?", origin="mail", subject="Литература")
        [ticket] = await mine(stranger)
    assert (ticket.subject, ticket.channel, ticket.contact) == ("Литература", "mail", "stranger@example.org")
    assert f"#{ticket.number}" in told


async def test_a_call_that_has_its_ticket_gets_no_second_one(desk: Open) -> None:
    """The telephony writes it down itself."""
    async with desk(principal="phone:+70000000000") as caller:
        subject, text = "A call from +70000000000", f"{UNKNOWN}, please"
        await caller.crew.tickets.create(
            subject=subject, text=text, requester=caller.principal, by="system:phone", thread_id="t"
        )
        await caller.say(text, origin="phone", subject=subject)
        [ticket] = await mine(caller)
        assert [one.text for one in await caller.crew.tickets.journal(ticket.id) if one.text] == []


async def test_what_was_said_elsewhere_is_remembered(desk: Open) -> None:
    """A bare «ticket» takes up what a client says was asked before."""
    told = {"asked": "Принтер в 305 не печатает", "told": "Проверьте бумагу."}
    async with desk() as boris:
        state = await boris.put("заведи заявку", earlier=[told])
        assert (state.values["earlier"][0], state.values["outcome"]) == (told, "ticket")
        assert "Принтер в 305" in (await boris.told())[-1]
