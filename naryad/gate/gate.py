"""The gate: every tool call of every agent goes through here, and nothing else runs a tool."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from naryad.auth import Person
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus, Effect, EffectStatus
from naryad.db.session import Database
from naryad.errors import ConfigError, OutcomeUnknown, Refused, ToolFailed
from naryad.events import EventLog, EventType
from naryad.gate.answer import Answer, Call, Caller, Outcome, render
from naryad.gate.approvals import Approvals
from naryad.gate.audit import Audit
from naryad.gate.ledger import Ledger
from naryad.gate.outputs import OutputTools
from naryad.gate.policy import Action, Facts, PolicyFile, Rule
from naryad.gate.questions import Questions, arguments_of
from naryad.gate.replies import Replies
from naryad.gate.request import Request, prepare
from naryad.i18n import _
from naryad.owner import Life
from naryad.tooling import Risk, Settled, Tool, Toolset, permit

log = structlog.get_logger()
_POLL_S = 0.05
_UNKNOWN = "Whether it took effect is not known; it was not run again. Check the system before anything else."


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
        self.tools: Mapping[str, Tool] = {
            tool.name: tool for toolset in [*toolsets, outputs] for tool in toolset.tools()
        }
        self.audit = Audit(database)
        self.approvals = Approvals(database, self.audit, events)
        self._policy, self._events = policy, events
        self._replies = Replies(database, self.audit, events, outputs)
        self._ledger = Ledger(database, self.audit, events)
        self._questions = Questions(database, self.audit, self.approvals, events)

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
        tool = self.tools.get(call.name)
        try:
            if tool is None:
                raise ToolFailed(f"There is no tool {call.name!r}.")
            asked = prepare(tool, call, caller, call.args)
            while True:
                step = await self._step(asked, run)
                if not isinstance(step, _Again):
                    return step
        except ToolFailed as failure:
            return await self._replies.refusal(call, caller, Outcome.INVALID, failure.message)
        except ConfigError as error:
            return await self._replies.refusal(call, caller, Outcome.DENIED, f"The policy cannot be read: {error.message}")

    async def effects(self, thread_id: str) -> Sequence[Effect]:
        """Everything that was done in one thread, in order."""
        return await self._ledger.listed(thread_id)

    async def rollback(self, call: Call, caller: Caller) -> Answer:
        """Undo the effect of a call by its tool's own rollback, once; the approval of the call covered it."""
        effect = await self._ledger.find(caller.thread_id, call.id)
        tool = self.tools.get(call.name)
        undo = Call(f"{call.id}#rollback", call.name, call.args)
        if effect is None or effect.status is EffectStatus.STARTED or tool is None or tool.card.rollback is None:
            return await self._replies.refusal(undo, caller, Outcome.INVALID, "There is nothing to roll back.")
        approval = await self._questions.latest(caller.thread_id, call.id)
        request = prepare(tool, undo, caller, arguments_of(approval) if approval else call.args)
        if before := await self._ledger.find(caller.thread_id, undo.id):
            if before.status is EffectStatus.STARTED and await self._ledger.take_over(before):
                return await self._finish(request, before, EffectStatus.UNKNOWN, message=_UNKNOWN)
            return await self._replies.of_effect(request, before)
        mine = self._effect(request, effect.rule)
        if not await self._ledger.start_alone(mine, None):
            return await self.rollback(call, caller)
        return await self._run(request, mine, undo=True)

    async def edit(self, approval_id: str, args: Mapping[str, Any], editor: Person) -> Approval:
        """Change the arguments of an open question; the new question counts as approved by its editor.

        Raises:
            Refused: The editor may not decide it, it is no longer open, or the policy denies the new call.
            ToolFailed: The arguments do not fit, or what would happen cannot be computed.
            NotFound: There is no such approval.
        """
        before = await self.approvals.get(approval_id)
        caller = Caller(before.agent, before.thread_id, before.principal)
        call = Call(before.call_id, before.tool, args, {name: editor.id for name in args})
        request = prepare(self.tools[before.tool], call, caller, args, asked_sha256=before.call_sha256)
        rule = await self._rule(request)
        if rule is None or rule.action is Action.DENY:
            raise Refused(_("The policy denies the call with these arguments."))
        return await self._questions.edit(before, request, rule.ask, self._policy.version, editor)

    async def _step(self, asked: Request, run: bool) -> "Answer | Approval | None | _Again":
        thread_id, call_id = asked.caller.thread_id, asked.call.id
        approval = await self._questions.latest(thread_id, call_id)
        effect = await self._ledger.find(thread_id, call_id)
        known = approval or effect
        if known and (known.tool, approval.call_sha256 if approval else known.args_sha256) != (
            asked.tool.name,
            asked.asked_sha256,
        ):
            raise ToolFailed("This call id belongs to another call already; make a new call.")
        request = asked.changed(arguments_of(approval)) if approval else asked
        if effect:
            return await self._settled(request, effect)
        rule = await self._rule(request)
        if rule is None or rule.action is Action.DENY:
            reason = f"by rule {rule.name!r}" if rule else "no rule allows it"
            return await self._replies.refusal(asked.call, asked.caller, Outcome.DENIED, f"The policy denies this: {reason}.")
        if rule.action is Action.ASK:
            return await self._asked(request, rule, approval, run)
        if not run:
            return None
        if request.tool.card.risk is Risk.READ:
            return await self._look(request, rule)
        return await self._start(request, rule, None)

    async def _asked(
        self, request: Request, rule: Rule, approval: Approval | None, run: bool
    ) -> "Answer | Approval | None | _Again":
        """Walk one approval through its life."""
        if approval is None or approval.status is ApprovalStatus.STALE:
            attempt = approval.attempt + 1 if approval else 1
            await self._questions.ask(request, rule.ask, self._policy.version, attempt=attempt)
            return _AGAIN
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
                return await self._start(request, rule, approval) if run else None
            case ApprovalStatus.REJECTED:
                said = await self._questions.reasons(approval)
                text = f"The operator said no{': ' + said if said else ''}. Nothing was changed."
            case ApprovalStatus.EXPIRED:
                text = "Nobody decided in time, which is a no. Nothing was changed."
            case _:
                return _AGAIN  # superseded or consumed a moment ago: look again
        return Answer(approval.call_id, approval.tool, Outcome.REJECTED, text, approval_id=approval.id)

    async def _is_stale(self, request: Request, approval: Approval) -> bool:
        """Whether the yes was given for another state, policy or spelling of the arguments."""
        if (approval.policy_version, approval.args_sha256) != (self._policy.version, request.sha256):
            return True
        return (await request.companion("precondition") or "") != approval.precondition

    async def _start(self, request: Request, rule: Rule, approval: Approval | None) -> "Answer | _Again":
        """Consume the approval (or the rate) and start the effect in one transaction, then run it."""
        effect = self._effect(request, rule.name, approval)
        if approval is None:
            started = await self._ledger.start_alone(effect, rule.rate)
        else:
            started = await self._questions.consume(approval, lambda session: self._ledger.start(session, effect))
        return await self._run(request, effect) if started else _AGAIN

    def _effect(self, request: Request, rule: str, approval: Approval | None = None) -> Effect:
        return Effect(
            thread_id=request.caller.thread_id,
            call_id=request.call.id,
            tool=request.tool.name,
            args_sha256=request.sha256,
            approval_id=approval.id if approval else None,
            rule=rule,
            **self._ledger.claim(),
        )

    async def _settled(self, request: Request, effect: Effect) -> "Answer | _Again":
        """Answer for an effect that was started before: its outcome, or what can be found out of it."""
        if effect.status is not EffectStatus.STARTED:
            return await self._replies.of_effect(request, effect)
        life = await self._ledger.take_over(effect)
        if life is None:
            await asyncio.sleep(_POLL_S)
            return _AGAIN
        return await self._settle(request, effect, certainly_dead=life is Life.DEAD)

    async def _settle(self, request: Request, effect: Effect, *, certainly_dead: bool) -> Answer:
        """Find out what became of an effect that was cut short; run it again only where that is safe."""
        card = request.tool.card
        try:
            fate = await request.companion("reconcile", effect.id)
        except ToolFailed as failure:
            log.warning("effect.reconcile.failed", effect=effect.id, message=failure.message)
            fate = Settled.UNKNOWN
        if fate is Settled.HAPPENED:
            return await self._finish(request, effect, EffectStatus.SUCCEEDED, message="It took effect before the crash.")
        if certainly_dead and (fate is Settled.NOT_STARTED or (fate is None and card.idempotent)):
            return await self._run(request, effect)
        if fate is Settled.NOT_STARTED:
            return await self._finish(request, effect, EffectStatus.FAILED, message="It never started.")
        return await self._finish(request, effect, EffectStatus.UNKNOWN, message=_UNKNOWN)

    async def _run(self, request: Request, effect: Effect, *, undo: bool = False) -> Answer:
        """Run a started effect, or undo one, and record the outcome."""
        card = request.tool.card
        try:
            async with self._ledger.held(effect):
                result = await (request.companion("rollback") if undo else self._invoke(request, effect.id))
                if undo:
                    return await self._finish(request, effect, EffectStatus.SUCCEEDED, result=result)
                helped = await request.companion("verify")
                undone = await request.companion("rollback") if helped is False else None
        except OutcomeUnknown as failure:
            return await self._finish(request, effect, EffectStatus.UNKNOWN, message=failure.message)
        except ToolFailed as failure:
            return await self._finish(request, effect, EffectStatus.FAILED, message=failure.message)
        except TimeoutError:
            log.warning("effect.cut", effect=effect.id, tool=request.tool.name, timeout_s=card.timeout_s)
            return await self._settle(request, effect, certainly_dead=False)
        except Exception as bug:  # a tool's own bug: the effect may have happened, so it is never simply repeated
            log.exception("effect.broke", effect=effect.id, tool=request.tool.name)
            message = f"The tool broke ({type(bug).__name__}); whether it took effect is not known."
            return await self._finish(request, effect, EffectStatus.UNKNOWN, message=message)
        if helped is False:
            message = f"It did not help; rolled back: {undone}" if undone else "It ran, but the check says it did not help."
            status = EffectStatus.ROLLED_BACK if undone else EffectStatus.FAILED
            return await self._finish(request, effect, status, result=result, message=message)
        return await self._finish(request, effect, EffectStatus.SUCCEEDED, result=result)

    async def _look(self, request: Request, rule: Rule) -> Answer:
        """Run a tool without effect; it leaves an audit line but no ledger row."""
        call, thread_id = request.call, request.caller.thread_id
        await self._events.append(thread_id, EventType.TOOL_STARTED, call=call.id, tool=call.name)
        text, data, outcome = "", None, Outcome.DONE
        try:
            rendered = render(await self._invoke(request))
            text, data = rendered.text, rendered.data
        except ToolFailed as failure:
            text, outcome = failure.message, Outcome.FAILED
        except TimeoutError:
            text, outcome = f"{call.name} was cut after {request.tool.card.timeout_s:g} s.", Outcome.FAILED
        except Exception as bug:  # a tool's own bug must not end the agent's run
            log.exception("tool.broke", tool=call.name)
            text, outcome = f"{call.name} broke ({type(bug).__name__}).", Outcome.FAILED
        return await self._replies.of_look(request, rule, outcome, text, data)

    async def _invoke(self, request: Request, effect: str = "") -> Any:
        """The only line of the product that runs a tool."""
        tool, progress = request.tool, self._events.relay(request.caller.thread_id, call=request.call.id)
        async with asyncio.timeout(tool.card.timeout_s), progress as tell:
            with permit(tool, request.kwargs, effect=effect, progress=tell):
                return await tool.method(tool.owner, **request.kwargs)

    async def _finish(
        self, request: Request, effect: Effect, status: EffectStatus, *, result: Any = None, message: str = ""
    ) -> Answer:
        rendered = render(result)
        stored = rendered.data if rendered.data is not None or result is None else rendered.text[:8_000]
        return await self._replies.of_effect(request, await self._ledger.finish(effect, status, result=stored, message=message))

    async def _rule(self, request: Request) -> Rule | None:
        caller, tool = request.caller, request.tool
        facts = Facts(
            agent=caller.agent, principal=caller.principal, tool=tool.name, risk=tool.card.risk, args=request.plain
        )
        moment = now()
        for rule in self._policy.fitting(facts, moment):
            if rule.rate is None or await self.audit.used(rule.name, moment - rule.rate.per) < rule.rate.count:
                return rule
        return None


class _Again:
    """The state moved under us: look once more."""


_AGAIN = _Again()


def _pause(approval: Approval) -> None:
    """Leave the graph until it is resumed; whatever the resume says, the database is asked again."""
    from langgraph.types import interrupt

    interrupt({"approval": approval.id, "question": approval.question})
