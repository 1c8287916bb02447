"""`naryad approvals`: see what waits for a person, and decide."""

from typing import Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _
from naryad.printable import printable

app = App()
Id = Annotated[str, typer.Argument(metavar="ID", help=N_("The approval's id, or its beginning or end."))]
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
GoOn = Annotated[bool, typer.Option("--resume/--no-resume", help=N_("Whether to continue the run here and now."))]
Reason = Annotated[str, typer.Option(metavar="TEXT", help=N_("Why; the agent and the audit see it."))]


@app.command("list", help=N_("Questions that wait for a decision."))
def listed(
    every: Annotated[bool, typer.Option("--all", help=N_("Decided ones too."))] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help=N_("At most so many, the newest first."))
    ] = 50,
    json: Json = False,
) -> None:
    """List approvals."""
    session.go(_list(every=every, limit=limit, json=json))


@app.command("show", help=N_("Everything about one question: what will happen, and who may decide."))
def shown(approval_id: Id, json: Json = False) -> None:
    """Show one approval."""
    session.go(_show(approval_id, json=json))


@app.command(help=N_("Say yes, and let the run go on."))
def approve(approval_id: Id, reason: Reason = "", go_on: GoOn = True, json: Json = False) -> None:
    """Approve one call."""
    raise typer.Exit(session.go(_decide(approval_id, reason, yes=True, go_on=go_on, json=json)))


@app.command(help=N_("Say no; nothing is changed."))
def reject(approval_id: Id, reason: Reason = "", go_on: GoOn = True, json: Json = False) -> None:
    """Reject one call."""
    raise typer.Exit(session.go(_decide(approval_id, reason, yes=False, go_on=go_on, json=json)))


async def _list(*, every: bool, limit: int, json: bool) -> None:
    from naryad.db.models.gate import ApprovalStatus
    from naryad.gate.shown import without_secrets

    async with session.crew() as crew:
        rows = await crew.gate.approvals.listed(None if every else ApprovalStatus.PENDING, limit=limit)
        found = [without_secrets(row) for row in rows]
        zone = crew.runtime.settings.zone
        if json:
            for asked in found:
                show.as_json(asked)
            return
        lines = [(show.short(a.id), _(a.status), show.moment(a.created_at, zone), a.agent, a.question) for a in found]
        show.table([_("Approval"), _("Status"), _("Asked"), _("Agent"), _("Question")], lines)


async def _show(approval_id: str, *, json: bool) -> None:
    from naryad.gate.shown import without_secrets

    async with session.crew() as crew:
        asked = without_secrets(await crew.gate.approvals.get(approval_id))
        decisions = await crew.gate.approvals.decisions(asked.id)
        if json:
            show.as_json({**asked.model_dump(), "decisions": decisions})
            return
        show.approval(asked, crew.runtime.settings.zone)
        show.console().print(_("Status: {status}").format(status=_(asked.status)))
        for said in decisions:
            show.console().print(printable(f"  {said.person}: {_(said.verdict)} {said.reason}"), markup=False)


async def _decide(approval_id: str, reason: str, *, yes: bool, go_on: bool, json: bool) -> int:
    from cli.run import EXIT_WAITING, finish, one_run
    from naryad.auth import local_person
    from naryad.gate.approvals import Verdict

    async with session.crew() as crew:
        asked = await crew.gate.approvals.get(approval_id)
        verdict = Verdict.APPROVE if yes else Verdict.REJECT
        decided = await crew.gate.approvals.decide(asked.id, local_person(), verdict, reason)
        if json:
            show.as_json({"approval": decided.id, "status": decided.status, "thread": decided.thread_id})
        else:
            show.console().print(_("Recorded. The approval is {status}.").format(status=_(decided.status)))
        if not go_on or decided.status == "pending":
            return 0
        state = await one_run(crew, decided.agent, "", decided.thread_id, json=json)
        finish(state, json=json)
        return EXIT_WAITING if state.waiting_for else 0
