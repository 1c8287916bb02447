"""`naryad handoffs`: conversations that a person answers instead of an agent."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.auth import local_person
from naryad.errors import NotFound
from naryad.i18n import N_, _
from naryad.printable import printable

if TYPE_CHECKING:
    from naryad.db.models.handoff import Handoff
    from naryad.records import Records

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
Id = Annotated[str, typer.Argument(metavar="ID", help=N_("The handoff's id, or its beginning or end."))]
SAID, LOOKED_THROUGH, SHORTEST = 50, 500, 4


@app.command("list", help=N_("Conversations that wait for a person, or that a person answers."))
def listed(
    every: Annotated[bool, typer.Option("--all", help=N_("Also those that were returned."))] = False,
    json: Json = False,
) -> None:
    """List handoffs."""
    session.go(_list(every=every, json=json))


@app.command("show", help=N_("What a person must know to answer, and what was said."))
def shown(handoff_id: Id, json: Json = False) -> None:
    """Show one handoff."""
    session.go(_show(handoff_id, json=json))


@app.command("take", help=N_("Be the one who answers."))
def take(handoff_id: Id) -> None:
    """Take one."""
    session.go(_change(handoff_id, lambda records, one: records.handoffs.take(one.id, local_person())))


@app.command("reply", help=N_("Say something to the user, as the one who answers."))
def reply(handoff_id: Id, text: Annotated[str, typer.Argument(metavar="TEXT", help=N_("What to say."))]) -> None:
    """Answer the user."""
    session.go(_change(handoff_id, lambda records, one: records.handoffs.reply(one.id, local_person(), text)))


@app.command("return", help=N_("Let the agent answer again."))
def hand_back(handoff_id: Id) -> None:
    """Return one."""
    session.go(_change(handoff_id, lambda records, one: records.handoffs.hand_back(one.id, local_person())))


@app.command("step-in", help=N_("Answer in a conversation instead of the agent, which is silent at once."))
def step_in(thread: Annotated[str, typer.Argument(metavar="THREAD", help=N_("The conversation's id."))]) -> None:
    """Take a thread over."""
    session.go(_step_in(thread))


async def _list(*, every: bool, json: bool) -> None:
    from naryad.db.models.handoff import HandoffStatus

    async with session.records() as records:
        found = await records.handoffs.listed(*(() if every else (HandoffStatus.OPEN, HandoffStatus.TAKEN)))
        if json:
            for one in found:
                show.as_json(one)
            return
        zone = records.runtime.settings.zone
        rows = [(show.short(h.id), _(h.status), _(h.urgency), show.moment(h.opened_at, zone), h.summary) for h in found]
        show.table([_("Handoff"), _("Status"), _("Urgency"), _("Since"), _("What is wanted")], rows)


async def _show(handoff_id: str, *, json: bool) -> None:
    from naryad.handoffs.conversation import of_thread

    async with session.records() as records:
        one = await _of(records, handoff_id)
        if json:
            show.as_json(one)
            return
        zone = records.runtime.settings.zone
        _say("\n".join([f"{one.id}: {_(one.status)}", one.summary, one.reason, one.contact, *one.tried]))
        for said in await of_thread(records.runtime.events, one.thread_id, limit=SAID):
            _say(f"{show.moment(said.at, zone)} {said.name or _(said.speaker)}: {said.text}")


async def _change(handoff_id: str, change: "Callable[[Records, Handoff], Awaitable[Handoff]]") -> None:
    async with session.records() as records:
        one = await change(records, await _of(records, handoff_id))
        _say(_("Handoff {id}: {status}.").format(id=show.short(one.id), status=_(one.status)))


async def _step_in(thread: str) -> None:
    async with session.records() as records:
        one = await records.handoffs.take_over(thread, local_person())
        _say(_("Handoff {id}: {status}.").format(id=show.short(one.id), status=_(one.status)))


def _say(text: str) -> None:
    typer.echo(printable(text.strip()))


async def _of(records: "Records", wanted: str) -> "Handoff":
    with suppress(NotFound):  # the whole id, however old it is
        return await records.handoffs.of_id(wanted)
    known = await records.handoffs.listed(limit=LOOKED_THROUGH)
    fits = [one for one in known if one.id.startswith(wanted) or one.id.endswith(wanted)]
    if len(fits) != 1 or len(wanted) < SHORTEST:
        raise NotFound(_("There is no single handoff {id!r}; see the list.").format(id=wanted))
    return fits[0]
