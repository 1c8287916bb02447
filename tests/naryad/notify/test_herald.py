"""The herald: who is told of what, once, whatever restarts."""

from datetime import timedelta
from typing import Any

import yaml
from sqlmodel import select

from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.account import Account
from naryad.db.models.delivery import Delivery
from naryad.db.models.event import EventRow
from naryad.db.models.incident import Incident, Severity
from naryad.events import EventType
from naryad.incidents import Incidents
from naryad.notify.addresses import with_details
from naryad.notify.texts import rendered
from naryad.settings import Settings
from tests.naryad.alerts.world import World as Alerts
from tests.naryad.notify.world import ROUTES, World, aged, approval, caught_up, following


def shown(rows: list[Delivery]) -> list[tuple[str, str, str]]:
    return [(row.channel, row.target, row.payload["kind"]) for row in rows]


async def test_an_incident_reaches_its_recipients_and_its_end_too(world: World) -> None:
    """By the routes in the reader's language, and on Telegram in one place that follows what becomes of it."""
    await world.keep(Account(email="op@example.ru", password_hash="x", role=Role.OPERATOR, telegram_id=7, lang="en"))
    async with following((await world.notifications()).herald.run):
        incident = await world.incident()
        await world.incident("low", fingerprint="g")
        await world.events.append(incident.thread_id, EventType.INCIDENT_RESOLVED, incident=incident.id)
        await caught_up(world)
    begin, end = await world.told("email")
    assert shown([begin, end]) == [
        ("email", "anna@example.ru", kind) for kind in ("incident.created", "incident.resolved")
    ]
    assert begin.payload["lang"] == "ru"
    assert begin.payload["facts"]["title"] == "Диск заполнен"
    chats = [(row.target, row.payload) for row in await world.told("telegram") if row.subject == begin.subject]
    assert chats == [
        (target, {"kind": f"incident.{what}", "incident": incident.id, "lang": lang})
        for what in ("created", "resolved")
        for target, lang in (("7", "en"), ("500", "ru"))
    ]


async def test_a_secret_of_a_question_is_not_kept_for_the_post(world: World) -> None:
    """It is masked before it is written down for those who are told."""
    await world.keep(Account(email="op@example.ru", password_hash="x", role=Role.ADMIN))
    asked = approval(question="Run with password=hunter22?", roles=["admin"])
    async with following((await world.notifications()).herald.run):
        await world.keep(asked)
        await world.events.append("t", EventType.APPROVAL_REQUESTED, approval=asked.id)
        await caught_up(world)
    [told] = await world.told("email")
    assert "hunter22" not in str(told.payload)


async def test_only_those_who_may_decide_are_asked(world: World) -> None:
    """An approval for administrators goes to administrators: by mail by the route, and to their Telegram."""
    people = [
        Account(email=f"{role}@example.ru", password_hash="x", role=role, telegram_id=number)
        for number, role in enumerate(Role, 1)
    ]
    await world.keep(*people)
    asked = approval(roles=["admin"])
    async with following((await world.notifications(ADMIN_CHAT_ID=None)).herald.run):
        await world.keep(asked)
        await world.events.append("t", EventType.APPROVAL_REQUESTED, approval=asked.id)
        await world.events.append("t", EventType.APPROVAL_DECIDED, approval=asked.id, status="rejected")
        await caught_up(world)
    assert shown(await world.told("email")) == [
        ("email", "admin@example.ru", "approval.requested"), ("email", "admin@example.ru", "approval.decided"),
    ]  # fmt: skip
    chats = await world.told("telegram")
    assert [(row.target, row.payload["approval"]) for row in chats] == [(str(people[-1].telegram_id), asked.id)] * 2


async def test_several_heralds_and_restarts_tell_everything_once(world: World) -> None:
    """Two processes follow at once and are ended in the middle; then a third goes on where they were."""
    first, second = [await world.notifications() for _ in range(2)]
    incidents: list[Incident] = []
    for _restart in range(3):
        async with following(first.herald.run, second.herald.run):
            incidents += [await world.incident(fingerprint=f"f{len(incidents) + n}") for n in range(3)]
    async with following((await world.notifications()).herald.run):
        await caught_up(world)
    assert [row.subject for row in await world.told("email")] == [f"incident:{one.id}" for one in incidents]


async def test_an_install_begins_with_what_is_fresh(world: World) -> None:
    """Of what happened long before the first start nobody is told."""
    old = await world.incident()
    async with world.database.write() as session:
        for row in (await session.exec(select(EventRow))).all():
            row.at = now() - timedelta(days=2)
            session.add(row)
    new = await world.incident(fingerprint="new")
    async with following((await world.notifications()).herald.run):
        await caught_up(world)
    assert [row.subject for row in await world.told("email")] == [f"incident:{new.id}"] != [f"incident:{old.id}"]


async def test_the_same_alert_is_not_told_again_within_minutes(world: World) -> None:
    """Not when it comes back at once; but when it got graver, and when the minutes are over."""
    async with following((await world.notifications()).herald.run):
        incident = await world.incident()
        await world.incident()
        again = {"incident": incident.id, "reopened": True}
        await world.events.append(incident.thread_id, EventType.INCIDENT_CHANGED, **again)
        await caught_up(world)
        assert len(await world.told("email")) == 1
        async with world.database.write() as session:
            incident.severity = "critical"
            session.add(await session.merge(incident))
        await world.events.append(
            incident.thread_id, EventType.INCIDENT_CHANGED, incident=incident.id, severity="critical"
        )
        await caught_up(world)
        assert [row.payload["kind"] for row in await world.told("email")][1:] == ["incident.graver"]
        await aged(world, timedelta(minutes=6))
        await world.events.append(incident.thread_id, EventType.INCIDENT_CHANGED, **again)
        await caught_up(world)
    assert [row.payload["kind"] for row in await world.told("email")][2:] == ["incident.reopened"]


async def test_what_was_told_to_be_over_is_told_again(world: World) -> None:
    """Whoever read that it is over would not know that it is not, however soon it came back."""
    async with following((await world.notifications()).herald.run):
        incident = await world.incident()
        await Incidents(world.database, world.events).resolve(incident.id, "Restarted.", "account:1")
        again = {"incident": incident.id, "reopened": True}
        await world.events.append(incident.thread_id, EventType.INCIDENT_CHANGED, **again)
        await world.events.append(incident.thread_id, EventType.INCIDENT_CHANGED, **again)
        await caught_up(world)
    told = ["incident.created", "incident.resolved", "incident.reopened"]
    assert [row.payload["kind"] for row in await world.told("email")] == told


async def test_what_people_report_is_no_repetition(world: World) -> None:
    """Two incidents of one severity at once are two matters: no alert made either."""
    incidents = Incidents(world.database, world.events)
    async with following((await world.notifications()).herald.run):
        made = [
            await incidents.report(title, "", "shop-db", Severity.HIGH, by="account:1", run=False)
            for title in ("The till is slow", "The lift is stuck")
        ]
        await caught_up(world)
    assert [row.subject for row in await world.told("email")] == [f"incident:{one.id}" for one in made]


async def joined(alerts: Alerts) -> tuple[Incident, Incident]:
    """Two incidents that the third and fourth alert make one: the one that is left, and the one that went into it."""
    before = await alerts.all()
    await alerts.fire("C", 2, service="db", host="h")
    await alerts.fire("D", 3, service="queue", host="h")
    kept = await alerts.one()
    (gone,) = [incident for incident in before if incident.id != kept.id]
    return kept, gone


async def test_what_went_into_another_is_over_for_whoever_was_told(world: World) -> None:
    """The end of each matter is told, a page of its own is closed by it; the text names where it goes on."""
    alerts = Alerts(world.database)
    async with following((await world.notifications()).herald.run):
        await alerts.fire("A", 0, service="web", severity="critical")
        await alerts.fire("B", 1, service="mail", severity="critical")
        kept, gone = await joined(alerts)
        await alerts.incidents.resolve(kept.id, "Restarted.", "account:1")
        await caught_up(world)
    for incident, ends in ((kept, "incident.resolved"), (gone, "incident.merged")):
        begin, end = [row for row in await world.told("email") if row.subject == f"incident:{incident.id}"]
        assert [begin.payload["kind"], end.payload["kind"]] == ["incident.created", ends]
        assert "action=resolve" in with_details("pagerduty://key@naryad", end.payload)
    assert kept.title in rendered(end.payload).body


async def test_what_was_over_is_not_told_to_end_again(world: World) -> None:
    """Nobody is told that what a person resolved went into another."""
    alerts = Alerts(world.database)
    async with following((await world.notifications()).herald.run):
        await alerts.fire("A", 0, service="web", host="h", severity="critical")
        gone = await alerts.one()
        await alerts.incidents.resolve(gone.id, "Restarted.", "account:1")
        await alerts.fire("B", 1, service="mail", severity="critical")
        await alerts.fire("C", 2, service="queue", host="h")
        kept = await alerts.one()
        await alerts.incidents.resolve(kept.id, "Restarted too.", "account:1")
        await caught_up(world)
    assert kept.id != gone.id
    told = [row.payload["kind"] for row in await world.told("email") if row.subject == f"incident:{gone.id}"]
    assert told == ["incident.created", "incident.resolved"]


async def test_whoever_was_told_of_a_part_is_told_of_the_whole(world: World) -> None:
    """Where routes differ by service: no page is closed while what it was about goes on unseen."""
    people = [{"name": name, "email": f"{name}@example.ru"} for name in ("web", "mail")]
    routes = [{"services": [name], "severities": ["critical"], "to": [name]} for name in ("web", "mail")]
    (world.home / "notify.yaml").write_text(yaml.safe_dump({"recipients": people, "routes": routes}), encoding="utf-8")
    alerts = Alerts(world.database)
    async with following((await world.notifications()).herald.run):
        await alerts.fire("A", 0, service="web", severity="low")
        await alerts.fire("B", 1, service="mail", severity="critical")
        kept, gone = await joined(alerts)
        await alerts.incidents.resolve(kept.id, "Restarted.", "account:1")
        await caught_up(world)
    told = [(row.target, row.subject.partition(":")[2], row.payload["kind"]) for row in await world.told("email")]
    assert [(where, kind) for target, where, kind in told if target == "mail@example.ru"] == [
        (gone.id, "incident.created"), (gone.id, "incident.merged"),
        (kept.id, "incident.created"), (kept.id, "incident.resolved"),
    ]  # fmt: skip
    # The first is «created» where the herald comes only when it is critical already, else «graver».
    (_first, begun, _kind), last = [row for row in told if row[0] == "web@example.ru"]
    assert (begun, last[1:]) == (kept.id, (kept.id, "incident.resolved"))


async def test_the_night_is_quiet_but_for_what_is_critical(world: World) -> None:
    """The rest waits for the end of the quiet hours, in one message."""
    here = now().astimezone(Settings(NARYAD_HOME=world.home).zone)
    quiet = f"{here - timedelta(hours=1):%H:%M}-{here + timedelta(hours=1):%H:%M}"
    routes: dict[str, Any] = {
        **ROUTES,
        "recipients": [{**ROUTES["recipients"][0], "quiet_hours": quiet}, ROUTES["recipients"][1]],
    }
    (world.home / "notify.yaml").write_text(yaml.safe_dump(routes), encoding="utf-8")
    async with following((await world.notifications()).herald.run):
        for number, severity in enumerate(("high", "critical", "high")):
            await world.incident(severity, fingerprint=str(number))
        await caught_up(world)
    digest, critical = await world.told("email")
    assert [item["kind"] for item in digest.payload["items"]] == ["incident.created"] * 2
    assert now() + timedelta(minutes=50) < digest.due_at <= now() + timedelta(hours=1)
    assert critical.payload["kind"] == "incident.created"
    assert critical.due_at <= now()


async def test_an_event_that_makes_no_sense_silences_nobody(world: World) -> None:
    """What follows it is told all the same."""
    async with following((await world.notifications()).herald.run):
        await world.events.append("t", EventType.INCIDENT_CREATED, nothing="known")
        await world.events.append("t", EventType.APPROVAL_REQUESTED, approval="gone")
        incident = await world.incident()
        await caught_up(world)
    assert [row.subject for row in await world.told("email")] == [f"incident:{incident.id}"]
