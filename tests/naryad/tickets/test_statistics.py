"""Figures of tickets, against figures counted by hand."""

from datetime import timedelta

from naryad.db.models.ticket import Author, Priority
from naryad.tickets import statistics
from tests.naryad.tickets.conftest import ANNA, HELPER, MONDAY, World


async def test_figures_are_those_of_the_period(world: World) -> None:
    """Medians, shares and means of the whole and of its parts; what waited and what was merged does not count."""
    for minutes, rating in ((1, 5), (2, 4), (30, None)):
        ticket = await world.ask(priority=Priority.CRITICAL, channel="mail" if rating else "chat")
        await world.pass_by(minutes=minutes)
        await world.tickets.comment(ticket.id, HELPER, "Hello", author=Author.STAFF)
        await world.tickets.wait(ticket.id, HELPER)
        await world.pass_by(hours=10)
        await world.tickets.comment(ticket.id, ANNA, "Yes", author=Author.REQUESTER)
        await world.tickets.close(ticket.id, "agent:support" if rating == 4 else HELPER)
        if rating:
            await world.tickets.rate(ticket.id, ANNA, rating)
    merged, kept = await world.ask(), await world.ask()
    await world.tickets.merge(merged.id, kept.id, HELPER)
    world.now += timedelta(days=1)
    await world.ask("Later")
    found = await statistics.of_period(world.database, MONDAY, MONDAY + timedelta(days=2))
    total = found.total
    assert (total.tickets, total.resolved, total.breached, total.ratings, total.rating) == (4, 3, 0.25, 2, 4.5)
    assert (total.first_response_p50_s, total.first_response_p95_s) == (120, 1632)
    assert (total.resolution_p50_s, total.resolution_p95_s) == (120, 1632)
    assert {name: part.tickets for name, part in found.by_channel.items()} == {"mail": 2, "chat": 2}
    assert {name: part.tickets for name, part in found.by_priority.items()} == {"critical": 3, "medium": 1}
    assert {name: part.rating for name, part in found.by_resolver.items()} == {"person": 5.0, "agent": 4.0}
    assert {name: part.tickets for name, part in found.by_responder.items()} == {"person": 3}


async def test_of_nothing_nothing_is_said(world: World) -> None:
    """No tickets have no median, no share and no mean: null, not zero."""
    total = (await statistics.of_period(world.database, MONDAY, MONDAY)).total
    assert (total.tickets, total.breached, total.rating, total.first_response_p50_s) == (0, None, None, None)
