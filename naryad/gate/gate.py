"""The gate: every tool call of every agent goes through here, and nothing else runs a tool."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import structlog

from naryad.auth import Person
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus, Effect, EffectStatus
from naryad.db.session import Database
from naryad.errors import ConfigError, NotFound, Refused, ToolFailed
from naryad.events import EventLog
from naryad.gate.answer import Answer, Call, Caller, Outcome, render
from naryad.gate.approvals import Approvals
from naryad.gate.audit import Audit
from naryad.gate.execution import CUT_SHORT, UNDO, Execution
from naryad.gate.judge import Judge, denial
from naryad.gate.ledger import Ledger
from naryad.gate.outputs import OutputTools
from naryad.gate.policy import Action, PolicyFile, Rule, Ruling
from naryad.gate.questions import Questions, arguments_of, fingerprint
from naryad.gate.replies import Replies
from naryad.gate.request import Request, prepare
from naryad.i18n import _
from naryad.observability import Kind, operation
from naryad.tooling import Risk, Tool, Toolset, permit

log = structlog.get_logger()


class Gate:
    """Answers calls: validates, applies the policy, asks people, runs once, records.

    The database decides, never a message: `advance` may be called any number of times, by any
    number of processes, for the same call, and its effect still happens at most once.

    Attributes:
        tools: Every tool by its name.
        approvals: Where people decide.
        audit: What happened, in a chain of hashes.
    """

    def __init__(self, toolsets: Iterable[Toolset], policy: PolicyFile, database: Database, events: EventLog) -> None:
        outputs = OutputTools(database)
        self.tools = _by_name([*toolsets, outputs])
        self.audit = Audit(database)
        self.approvals = Approvals(database, self.audit, events)
        self._events = events
        self._judge = Judge(policy, self.audit, database, self.tools)
        self._replies = Replies(database, self.audit, events, outputs)
        self._ledger = Ledger(database, self.audit, events)
        self._questions = Questions(database, self.audit, self.approvals, events)
        self._execution = Execution(self._ledger, self._replies, outputs, self._invoke)

    async def call(self, call: Call, caller: Caller) -> Answer:
        """Answer one call from inside a graph node; the graph pauses while people decide."""
        while isinstance(step := await self.advance(call, caller), Approval):
            _pause(step)
        assert step is not None
        return step

    async def authorize(self, call: Call, caller: Caller) -> Answer | None:
        """Pause the graph until the call may run: None then, else the answer that says why it may not."""
        while isinstance(step := await self.advance(call, caller, run=False), Approval):
            _pause(step)
        return step

    async def advance(self, call: Call, caller: Caller, *, run: bool = True) -> Answer | Approval | None:
        """Take one call as far as it can go now.

        Returns:
            The answer; or the approval that people have still to decide; or None when the call
            may run and `run` is false.
        """
        asked = None
        try:
            asked = self._request(call, caller)
            while True:
                step = await self._step(asked, run)
                if not isinstance(step, _Again):
                    return step
        except ToolFailed as failure:
            theirs = asked is not None
            return await self._replies.refusal(call, caller, Outcome.INVALID, failure.message, theirs=theirs)
        except ConfigError as error:
            text = f"The policy cannot be read: {error.message}"
            return await self._replies.refusal(call, caller, Outcome.DENIED, text)

    async def effects(self, thread_id: str) -> Sequence[Effect]:
        """Everything that was done in one thread, in order."""
        return await self._ledger.listed(thread_id)

    async def abandon(self, thread_id: str) -> Sequence[Effect]:
        """End what a cancelled run left open, once nobody runs the thread: its questions and its effects.

        Returns:
            The effects that were cut short: whether they took place is not known.
        """
        await self.approvals.withdraw(thread_id)
        cut = [effect for effect in await self.effects(thread_id) if effect.status is EffectStatus.STARTED]
        return [await self._ledger.finish(effect, EffectStatus.UNKNOWN, message=_(CUT_SHORT)) for effect in cut]

    async def rollback(self, call: Call, caller: Caller) -> Answer:
        """Undo the effect of a call by its tool's own rollback, once; the approval of the call covered it."""
        try:
            request, _approval, effect = await self._recall(self._request(call, caller))
            if effect is None or effect.status is EffectStatus.STARTED or request.tool.card.rollback is None:
                raise ToolFailed("There is nothing to roll back.")
            return await self._execution.undo(request, effect.rule)
        except ToolFailed as failure:
            return await self._replies.refusal(call, caller, Outcome.INVALID, failure.message)

    async def edit(self, approval_id: str, args: Mapping[str, Any], editor: Person) -> Approval:
        """Change the arguments of an open question; the new question counts as approved by its editor.

        Raises:
            Refused: The editor may not decide it, it is no longer open, or the policy denies the new call.
            ToolFailed: The arguments do not fit, or what would happen cannot be computed.
            NotFound: There is no such approval, or its tool is there no more.
        """
        before = await self.approvals.get(approval_id)
        if before.tool not in self.tools:
            raise NotFound(_("There is no tool {name!r}.").format(name=before.tool))
        caller = Caller(before.agent, before.thread_id, before.principal)
        call = Call(before.call_id, before.tool, args, dict.fromkeys(args, editor.id))
        request = prepare(self.tools[before.tool], call, caller, args, asked_sha256=before.call_sha256)
        ruling = await self._judge.ruling(request)
        if ruling is None or denial(ruling):
            raise Refused(_("The policy denies the call with these arguments."))
        return await self._questions.edit(before, request, ruling, editor)

    def _request(self, call: Call, caller: Caller) -> Request:
        if not 0 < len(call.id) <= 200 or not call.id.isprintable() or call.id.endswith(UNDO):
            raise ToolFailed("A call needs an id of 1 to 200 printable characters.")
        tool = self.tools.get(call.name)
        if tool is None:
            raise ToolFailed(f"There is no tool {call.name!r}.")
        return prepare(tool, call, caller, call.args)

    async def _recall(self, asked: Request) -> tuple[Request, Approval | None, Effect | None]:
        """What became of the same call before, and the request with the arguments that people put in place.

        Raises:
            ToolFailed: Its id was used for another call, or by somebody else.
        """
        approval, effect = await self._questions.recall(asked.caller.thread_id, asked.call.id)
        known = approval or effect
        if known:
            same = (known.tool, approval.call_sha256 if approval else known.args_sha256)
            who = (approval.agent, approval.principal) if approval else (asked.caller.agent, asked.caller.principal)
            if same != (asked.tool.name, asked.asked_sha256) or who != (asked.caller.agent, asked.caller.principal):
                raise ToolFailed("This call id belongs to another call already; make a new call.")
        return asked.changed(arguments_of(approval)) if approval else asked, approval, effect

    async def _step(self, asked: Request, run: bool) -> "Answer | Approval | _Again | None":
        request, approval, effect = await self._recall(asked)
        if effect:
            return await self._execution.outcome(request, effect) or _AGAIN
        ruling = await self._judge.ruling(request)
        if ruling is None or denial(ruling):
            return await self._replies.refusal(asked.call, asked.caller, Outcome.DENIED, denial(ruling))
        # Once people were asked their word counts, even where the policy would allow the call by now.
        put = approval is not None and approval.status is not ApprovalStatus.STALE
        if put or ruling.rule.action is Action.ASK:
            return await self._asked(request, ruling, approval, run)
        if not run:
            return None
        if request.tool.card.risk is Risk.READ:
            return await self._look(request, ruling.rule)
        return await self._start(request, ruling.rule, None)

    async def _asked(
        self, request: Request, ruling: Ruling, approval: Approval | None, run: bool
    ) -> "Answer | Approval | _Again | None":
        """Walk one approval through its life."""
        if approval is None or approval.status is ApprovalStatus.STALE:
            return await self._questions.ask(request, ruling, attempt=approval.attempt + 1 if approval else 1) or _AGAIN
        overdue = approval.expires_at <= now()
        match approval.status:
            case ApprovalStatus.PENDING | ApprovalStatus.APPROVED if overdue:
                await self._questions.close(approval, ApprovalStatus.EXPIRED)
                return _AGAIN
            case ApprovalStatus.PENDING:
                return approval
            case ApprovalStatus.APPROVED:
                if await self._is_stale(request, approval):
                    await self._questions.close(approval, ApprovalStatus.STALE)
                    return _AGAIN
                return await self._start(request, ruling.rule, approval) if run else None
            case ApprovalStatus.REJECTED:
                text = _("The operator said no. Nothing was changed.")
                if why := (await self._questions.reasons(approval)).rstrip(". "):
                    text = _("The operator said no: {why}. Nothing was changed.").format(why=why)
            case ApprovalStatus.EXPIRED:
                text = _("Nobody decided in time, which is a no. Nothing was changed.")
            case ApprovalStatus.WITHDRAWN:
                text = _("The run was cancelled before anybody decided. Nothing was changed.")
            case ApprovalStatus.SUPERSEDED | ApprovalStatus.CONSUMED:
                return _AGAIN  # a moment ago
            case _:
                assert_never(approval.status)
        return Answer(approval.call_id, approval.tool, Outcome.REJECTED, text, approval_id=approval.id)

    async def _is_stale(self, request: Request, approval: Approval) -> bool:
        """Whether the yes was given for another state, spelling of the arguments, or policy."""
        if approval.args_sha256 != request.sha256 or await fingerprint(request) != approval.precondition:
            return True
        return approval.policy_version != self._judge.version

    async def _start(self, request: Request, rule: Rule, approval: Approval | None) -> "Answer | _Again":
        """Consume the approval (or the rate) and start the effect in one transaction, then run it."""
        effect = self._ledger.row(request, rule.name, approval.id if approval else None)
        async with self._ledger.at_work(effect):
            if approval is None:
                started = await self._ledger.start_alone(effect, rule.rate)
            else:
                started = await self._questions.consume(
                    approval, request.sha256, lambda session: self._ledger.start(session, effect)
                )
            return await self._execution.run(request, effect) if started else _AGAIN

    async def _look(self, request: Request, rule: Rule) -> "Answer | _Again":
        """Run a tool without effect; it leaves an audit line but no ledger row."""
        if not await self._replies.looking(request, rule):
            return _AGAIN
        text, data, outcome = "", None, Outcome.DONE
        try:
            rendered = render(await self._invoke(request))
            text, data = rendered.text, rendered.data
        except ToolFailed as failure:
            text, outcome = failure.message, Outcome.FAILED
        except TimeoutError:
            text, outcome = f"{request.call.name} was cut after {request.tool.card.timeout_s:g} s.", Outcome.FAILED
        except Exception as bug:  # a tool's own bug must not end the agent's run
            log.exception("tool.broke", tool=request.call.name)
            text, outcome = f"{request.call.name} broke ({type(bug).__name__}).", Outcome.FAILED
        return await self._replies.of_look(request, rule, outcome, text, data)

    async def _invoke(self, request: Request, effect: str = "", undo: bool = False) -> Any:
        """The only lines of the product that run a tool, or undo what it did."""
        tool, progress = request.tool, self._events.relay(request.caller.thread_id, call=request.call.id)
        async with progress as tell, asyncio.timeout(tool.card.timeout_s):
            known = {"risk": tool.card.risk.value, "call": request.call.id, "thread": request.caller.thread_id}
            with (
                operation(Kind.TOOL, tool.name, **known),
                request.behalf(),
                permit(tool, request.kwargs, effect=effect, progress=tell),
            ):
                run = tool.card.rollback if undo else tool.method
                assert run is not None
                return await run(tool.owner, **request.kwargs)


def _by_name(toolsets: Iterable[Toolset]) -> Mapping[str, Tool]:
    found: dict[str, Tool] = {}
    for tool in (tool for toolset in toolsets for tool in toolset.tools()):
        if tool.name in found:
            raise TypeError(f"two tools are named {tool.name}")
        found[tool.name] = tool
    return found


class _Again:
    """The state moved under us: look once more."""


_AGAIN = _Again()


def _pause(approval: Approval) -> None:
    """Leave the graph until it is resumed; whatever the resume says, the database is asked again."""
    from langgraph.types import interrupt

    interrupt({"approval": approval.id, "question": approval.question})
