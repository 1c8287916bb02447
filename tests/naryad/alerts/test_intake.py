"""Alerts are kept once, whatever is told twice, late, in the wrong order or in odd words."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from naryad.alerts import intake
from naryad.alerts.intake import Flooded
from naryad.alerts.told import LABEL_CHARS, LABELS, told
from naryad.clock import now
from naryad.db.models.alert import Alert
from naryad.events import EventType
from tests.naryad.alerts.world import World, message


async def episodes(world: World) -> list[Alert]:
    async with world.database.read() as session:
        return list((await session.exec(select(Alert).order_by(Alert.starts_at))).all())  # type: ignore[arg-type]


async def test_the_same_delivery_again_changes_nothing(world: World) -> None:
    """Neither at once nor later: one episode, one incident, one event of each kind."""
    first = [await world.fire("Down", service="web") for _ in range(3)]
    ends = [await world.end("Down", 0, 1, service="web") for _ in range(3)]
    assert [each.changed for each in first + ends] == [1, 0, 0, 1, 0, 0]
    assert (await world.one()).alerts == 1
    told_of = (EventType.ALERT_TRIGGERED, EventType.ALERT_RESOLVED, EventType.INCIDENT_CREATED)
    assert len(await world.feed(*told_of)) == 3


async def test_an_end_before_its_begin(world: World) -> None:
    """It makes no incident; with the begin there is one, which is over already."""
    await world.end("Down", 0, 1, service="web")
    assert await world.all() == []
    await world.fire("Down", service="web")
    (alert,) = await episodes(world)
    assert (alert.over, alert.ended_at, (await world.one()).alerts) == (True, world.at(1), 1)
    assert await world.feed(EventType.ALERT_TRIGGERED) == []


async def test_the_first_end_holds(world: World) -> None:
    """A second end is no news."""
    await world.fire("Down", service="web")
    await world.end("Down", 0, 1, service="web")
    await world.end("Down", 0, 2, service="web")
    assert [alert.ended_at for alert in await episodes(world)] == [world.at(1)]


async def test_a_later_episode_ends_the_earlier(world: World) -> None:
    """Even where nobody told its end, and in whatever order the two are told."""
    await world.fire("Down", 3, service="web")
    await world.fire("Down", 0, service="web")
    await world.fire("Down", 6, service="web")
    assert [(alert.over, alert.ended_at) for alert in await episodes(world)] == [
        *((True, None), (True, None), (False, None))
    ]


async def test_an_end_in_the_past_ends_it_whatever_the_status_says(world: World) -> None:
    """And one still to come, or before the begin, is no end."""
    zero, past, future = world.zero, now() - timedelta(minutes=1), now() + timedelta(hours=1)
    labels = {"service": "web"}
    given = {"past": past, "future": future, "year one": datetime(1, 1, 1, tzinfo=UTC)}
    for name, ends in given.items():
        firing = told({"alertname": name, **labels}, moment=now(), starts_at=zero, ends_at=ends)
        await world.intake.accept([firing])
    early = told({"alertname": "early"}, moment=now(), starts_at=zero, ends_at=zero - timedelta(1), resolved=True)
    await world.intake.accept([message("early", zero), early])
    over = {alert.labels["alertname"]: alert.ended_at for alert in await episodes(world) if alert.over}
    assert over == {"past": past, "early": zero}


async def test_without_a_begin_it_is_the_episode_that_goes_on(world: World) -> None:
    """Or one that begins now; an end without any ends nothing, and makes nothing."""
    labels = {"alertname": "Full", "service": "db"}
    for resolved in (True, False, False, True, True):
        await world.intake.accept([told(labels, moment=now(), resolved=resolved)])
    fired = [alert for alert in await episodes(world) if alert.fired]
    assert [(alert.over, alert.ended_at is not None) for alert in fired] == [(True, True)]
    assert (await world.one()).alerts == 1


async def test_odd_labels_are_kept_short_plain_and_masked(world: World) -> None:
    """Whatever is in them, the alert is accepted and keeps its identity."""
    odd = {f"l{number}": "x" for number in range(500)} | {"alertname": "Odd\0", "service": "s" * 10**5}
    odd |= {"password": "hunter2hunter2", "url": "postgres://u:hunter2@db/x", "ю" * 300: "\ud800"}
    for _ in range(2):
        await world.intake.accept([told(odd, moment=now(), starts_at=world.zero, fingerprint="f" * 5_000)])
    (alert,) = await episodes(world)
    assert (len(alert.labels), len(alert.fingerprint)) == (LABELS, 16)
    assert max(map(len, alert.labels.values())) <= LABEL_CHARS
    assert "hunter2" not in str(alert.labels)
    assert (await world.one()).service == "s" * LABEL_CHARS


async def test_a_flood_is_turned_away_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of what was turned away is kept, and all of what was accepted is."""
    import asyncio

    monkeypatch.setattr(intake, "MOST_WAITING", 60)
    given = [[message(f"A{part}.{number}", world.zero) for number in range(30)] for part in range(4)]
    results = await asyncio.gather(*map(world.intake.accept, given), return_exceptions=True)
    accepted = [part for part, result in enumerate(results) if not isinstance(result, Flooded)]
    assert 0 < len(accepted) < 4
    kept = {alert.labels["alertname"] for alert in await episodes(world)}
    assert kept == {f"A{part}.{number}" for part in accepted for number in range(30)}
