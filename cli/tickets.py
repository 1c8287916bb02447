"""`naryad tickets`: what people asked for, worked on at the terminal of the install."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import session, show
from cli.page import App
from naryad.auth import Role, local_person
from naryad.errors import Refused
from naryad.i18n import N_, _
from naryad.tickets.standing import Author, Priority, TicketStatus

if TYPE_CHECKING:
    from naryad.db.models.ticket import Ticket
    from naryad.records import Records

app = App()
Named = Annotated[str, typer.Argument(metavar="TICKET", help=N_("The ticket's number, or its id."))]
Reason = Annotated[str, typer.Option(metavar="TEXT", help=N_("Why."))]
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
_WORDS = (
    N_("new"), N_("open"), N_("waiting"), N_("resolved"), N_("closed"), N_("merged"),
    N_("critical"), N_("high"), N_("medium"), N_("low"),
)  # fmt: skip
"""Statuses and priorities as they are shown."""
PRIORITY = N_("How much it presses: critical, high, medium or low.")
STATUS = N_("Only in this status: new, open, waiting, resolved, closed or merged.")


@app.command("list", help=N_("Tickets, the newest first."))
def listed(
    status: Annotated[TicketStatus | None, typer.Option(metavar="STATUS", help=STATUS)] = None,
    search: Annotated[str, typer.Option(metavar="TEXT", help=N_("Only with this in the words."))] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help=N_("At most so many."))] = 50,
    json: Json = False,
) -> None:
    """List tickets."""
    session.go(_list(status, search, limit, json=json))


@app.command("show", help=N_("One ticket: its words, its clocks, its journal."))
def shown(ticket: Named, json: Json = False) -> None:
    """Show one ticket."""
    session.go(_show(ticket, json=json))


@app.command(help=N_("Write a ticket down."))
def create(
    text: Annotated[str, typer.Argument(metavar="TEXT", help=N_("What is wrong or wanted."))],
    subject: Annotated[str, typer.Option(metavar="TEXT", help=N_("It in one line."))] = "",
    priority: Annotated[Priority, typer.Option(metavar="PRIORITY", help=PRIORITY)] = Priority.MEDIUM,
    requester: Annotated[str, typer.Option(metavar="EMAIL", help=N_("Whose it is; without it, yours."))] = "",
    json: Json = False,
) -> None:
    """Make a ticket."""

    async def make(records: "Records", me: str) -> "Ticket":
        whose = await _account(records, requester, *Role) if requester else me
        made = {"subject": subject, "text": text, "priority": priority, "channel": "cli"}
        return await records.tickets.create(**made, requester=whose, by=me)  # type: ignore[arg-type]

    session.go(_do(make, json=json))


@app.command(help=N_("Say something in a ticket."))
def comment(
    ticket: Named,
    text: Annotated[str, typer.Argument(metavar="TEXT", help=N_("What you say."))],
    internal: Annotated[bool, typer.Option("--internal", help=N_("Only those who help people see it."))] = False,
    json: Json = False,
) -> None:
    """Write into the journal."""

    async def say(records: "Records", me: str) -> "Ticket":
        found = await records.tickets.get(ticket)
        author = Author.REQUESTER if found.requester == me else Author.STAFF
        entry = await records.tickets.comment(found.id, me, text, author=author, public=not internal)
        return await records.tickets.of_id(entry.ticket_id)

    session.go(_do(say, json=json))


@app.command(help=N_("Give a ticket to somebody, or take it on yourself."))
def assign(
    ticket: Named,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help=N_("Whose it is from here; without it, yours."))] = "",
    json: Json = False,
) -> None:
    """Assign a ticket."""

    async def give(records: "Records", me: str) -> "Ticket":
        to = await _account(records, email, Role.OPERATOR, Role.MANAGER) if email else me
        return await records.tickets.change((await records.tickets.get(ticket)).id, me, assignee=to)

    session.go(_do(give, json=json))


@app.command(help=N_("Close a ticket; its requester is asked, once, how they liked the help."))
def close(ticket: Named, reason: Reason = "", json: Json = False) -> None:
    """Close a ticket."""

    async def end(records: "Records", me: str) -> "Ticket":
        return await records.tickets.close((await records.tickets.get(ticket)).id, me, reason)

    session.go(_do(end, json=json))


@app.command(help=N_("Have a ticket worked on again; long after its end a new one follows it."))
def reopen(ticket: Named, reason: Reason = "", json: Json = False) -> None:
    """Reopen a ticket."""

    async def again(records: "Records", me: str) -> "Ticket":
        return await records.tickets.reopen((await records.tickets.get(ticket)).id, me, reason)

    session.go(_do(again, json=json))


@app.command(help=N_("Let another ticket of the same requester take one over."))
def merge(
    ticket: Named,
    into: Annotated[str, typer.Argument(metavar="INTO", help=N_("The ticket that stays."))],
    json: Json = False,
) -> None:
    """Merge two tickets."""

    async def join(records: "Records", me: str) -> "Ticket":
        one, other = await records.tickets.get(ticket), await records.tickets.get(into)
        return await records.tickets.merge(one.id, other.id, me)

    session.go(_do(join, json=json))


@app.command(help=N_("How well people are helped: times, broken promises, ratings."))
def stats(
    days: Annotated[int, typer.Option(min=1, max=366, metavar="N", help=N_("Of the last so many days."))] = 30,
    json: Json = False,
) -> None:
    """Count."""
    session.go(_stats(days, json=json))


async def _list(status: TicketStatus | None, search: str, limit: int, *, json: bool) -> None:
    async with session.records() as records:
        found = await records.tickets.listed(status=[status] if status else (), text=search, limit=limit)
        if json:
            for ticket in found:
                show.as_json(ticket)
            return
        zone = records.runtime.settings.zone
        rows = [
            (f"#{t.number}", _(t.status.value), _(t.priority.value), show.moment(t.created_at, zone),
             show.moment(t.resolve_by, zone), t.subject) for t in found
        ]  # fmt: skip
        show.table([_("Ticket"), _("Status"), _("Priority"), _("Began"), _("Due"), _("Subject")], rows)


async def _show(named: str, *, json: bool) -> None:
    async with session.records() as records:
        ticket = await records.tickets.get(named)
        entries = await records.tickets.journal(ticket.id, internal=True, limit=1000)
        if json:
            show.as_json({**ticket.model_dump(), "entries": entries})
            return
        zone = records.runtime.settings.zone
        rows = [(_("Requester"), ticket.requester), (_("Status"), _(ticket.status.value))]
        rows += [(_("Priority"), _(ticket.priority.value)), (_("Assignee"), ticket.assignee or "—")]
        rows += [(_("First response"), _clock(ticket.responded_at, ticket.respond_by, zone))]
        rows += [(_("Resolution"), _clock(ticket.resolved_at, ticket.resolve_by, zone))]
        show.table([f"#{ticket.number}", ticket.subject], [*rows, (_("Text"), ticket.text)])
        lines = [(show.moment(e.at, zone), e.by, e.event, e.text) for e in entries]
        show.table([_("Time"), _("Who"), _("What"), _("Text")], lines)


def _clock(done: datetime | None, due: datetime | None, zone: Any) -> str:
    return show.moment(done, zone) if done else _("due {moment}").format(moment=show.moment(due, zone))


async def _stats(days: int, *, json: bool) -> None:
    from naryad.clock import now
    from naryad.tickets import statistics

    async with session.records() as records:
        until = now()
        found = await statistics.of_period(records.runtime.database, until - timedelta(days=days), until)
        if json:
            show.as_json(found)
            return
        parts = {"": {_("All"): found.total}, _("Priority"): found.by_priority, _("Channel"): found.by_channel}
        parts |= {_("Resolved by"): found.by_resolver}
        rows = [
            (f"{part} {_(name)}".strip(), str(f.tickets), str(f.resolved), _share(f.breached),
             _span(f.first_response_p50_s), _span(f.resolution_p50_s), "—" if f.rating is None else f"{f.rating:.2f}")
            for part, figures in parts.items() for name, f in figures.items()
        ]  # fmt: skip
        heads = [_("Tickets"), _("Made"), _("Resolved"), _("Late"), _("First response"), _("Resolution"), _("Rating")]
        show.table(heads, rows)


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.1%}"


def _span(seconds: float | None) -> str:
    return "—" if seconds is None else str(timedelta(seconds=round(seconds)))


async def _do(work: "Callable[[Records, str], Awaitable[Ticket]]", *, json: bool) -> None:
    async with session.records() as records:
        ticket = await work(records, local_person().id)
        if json:
            show.as_json(ticket)
        else:
            text = _("Ticket #{number}: {status}.").format(number=ticket.number, status=_(ticket.status.value))
            show.console().print(text, markup=False)


async def _account(records: "Records", email: str, *roles: Role) -> str:
    from naryad.accounts.accounts import Accounts, person

    found = person(await Accounts(records.runtime.database).by_email(email))
    if not found.roles.intersection(roles):
        raise Refused(_("Only an operator, a manager or an administrator can be given a ticket."))
    return found.id
