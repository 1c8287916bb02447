"""`naryad approvals`: see what waits for a person, and decide."""

from typing import Annotated

import typer

from cli import session, show
from naryad.i18n import _
from naryad.printable import printable

app = typer.Typer()
Id = Annotated[str, typer.Argument(help=_("The approval's id, or its beginning or end."))]
Json = Annotated[bool, typer.Option("--json", help=_("For programs."))]
Reason = Annotated[str, typer.Option(help=_("Why; the agent and the audit see it."))]


@app.command("list", help=_("Questions that wait for a decision."))
def listed(
    every: Annotated[bool, typer.Option("--all", help=_("Decided ones too."))] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help=_("At most so many, the newest first."))] = 50,
    json: Json = False,
) -> None:
    """List approvals."""
    session.go(_list(every=every, limit=limit, json=json))


@app.command("show", help=_("Everything about one question: what will happen, and who may decide."))
def shown(approval_id: Id, json: Json = False) -> None:
    """Show one approval."""
    session.go(_show(approval_id, json=json))


@app.command(help=_("Say yes, and let the run go on."))
def approve(
    approval_id: Id,
    reason: Reason = "",
    go_on: Annotated[bool, typer.Option("--resume/--no-resume", help=_("Continue the run here and now."))] = True,
) -> None:
    """Approve one call."""
    raise typer.Exit(session.go(_decide(approval_id, reason, yes=True, go_on=go_on)))


@app.command(help=_("Say no; nothing is changed."))
def reject(
    approval_id: Id,
    reason: Reason = "",
    go_on: Annotated[bool, typer.Option("--resume/--no-resume", help=_("Continue the run here and now."))] = True,
) -> None:
    """Reject one call."""
    raise typer.Exit(session.go(_decide(approval_id, reason, yes=False, go_on=go_on)))


async def _list(*, every: bool, limit: int, json: bool) -> None:
    from naryad.db.models.gate import ApprovalStatus

    async with session.crew() as crew:
        found = await crew.gate.approvals.listed(None if every else ApprovalStatus.PENDING, limit=limit)
        zone = crew.runtime.settings.zone
        if json:
            for asked in found:
                show.as_json(asked)
            return
        rows = [(a.id, _(a.status), show.moment(a.created_at, zone), a.agent, a.question) for a in found]
        show.table([_("Approval"), _("Status"), _("Asked"), _("Agent"), _("Question")], rows)


async def _show(approval_id: str, *, json: bool) -> None:
    async with session.crew() as crew:
        asked = await crew.gate.approvals.get(approval_id)
        decisions = await crew.gate.approvals.decisions(asked.id)
        if json:
            show.as_json({**asked.model_dump(), "decisions": decisions})
            return
        show.approval(asked, crew.runtime.settings.zone)
        show.console().print(_("Status: {status}").format(status=_(asked.status)))
        for said in decisions:
            show.console().print(printable(f"  {said.person}: {_(said.verdict)} {said.reason}"), markup=False)


async def _decide(approval_id: str, reason: str, *, yes: bool, go_on: bool) -> int:
    from cli.run import EXIT_WAITING, finish, one_run
    from naryad.auth import local_person
    from naryad.gate.approvals import Verdict

    async with session.crew() as crew:
        asked = await crew.gate.approvals.get(approval_id)
        verdict = Verdict.APPROVE if yes else Verdict.REJECT
        decided = await crew.gate.approvals.decide(asked.id, local_person(), verdict, reason)
        show.console().print(_("Recorded. The approval is {status}.").format(status=_(decided.status)))
        if not go_on or decided.status == "pending":
            return 0
        state = await one_run(crew, decided.agent, "", decided.thread_id, json=False)
        finish(state, json=False)
        return EXIT_WAITING if state.waiting_for else 0
