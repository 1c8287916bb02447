"""How an effect is run, checked, undone, and settled after a crash."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from naryad import masking
from naryad.db.models.gate import Effect, EffectStatus
from naryad.errors import OutcomeUnknown, ToolFailed
from naryad.gate.answer import DATA_LIMIT, Answer, cut, render
from naryad.gate.ledger import Ledger
from naryad.gate.outputs import OutputTools
from naryad.gate.replies import Replies
from naryad.gate.request import Request
from naryad.i18n import N_, _
from naryad.owner import Life
from naryad.tooling import Settled

log = structlog.get_logger()
POLL_S = 0.05
UNDO = "#rollback"
"""Ends the call id of an undoing: it has a ledger row of its own, so that it too happens once."""
CUT_SHORT = N_("Whether it took effect is not known; it was not run again. Check the system before anything else.")


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an effect came out."""

    status: EffectStatus
    message: str = ""
    result: Any = None


class Execution:
    """Takes started effects to their outcome.

    Args:
        invoke: Runs the tool itself, or its rollback, with the effect's key.
    """

    def __init__(
        self,
        ledger: Ledger,
        replies: Replies,
        outputs: OutputTools,
        invoke: Callable[[Request, str, bool], Awaitable[Any]],
    ) -> None:
        self._ledger, self._replies, self._outputs, self._invoke = ledger, replies, outputs, invoke

    async def run(self, request: Request, effect: Effect) -> Answer:
        """Run an effect that was just started by one who is `at_work` on it, and record the outcome."""
        return await self._record(request, effect, await self._attempt(request, effect))

    async def outcome(self, request: Request, effect: Effect) -> Answer | None:
        """The outcome of an effect that was started before, or what can be found out of it; None while it runs."""
        if effect.status is not EffectStatus.STARTED:
            return await self._replies.of_effect(request, effect)
        async with self._ledger.at_work(effect) as alone:
            if alone and (life := await self._ledger.take_over(effect)):
                return await self._record(request, effect, await self._fate(request, effect, life))
        await asyncio.sleep(POLL_S)
        return None

    async def undo(self, request: Request, rule: str) -> Answer:
        """Undo the effect of a call, once, however often it is asked for."""
        undoing = replace(request, call=replace(request.call, id=request.call.id + UNDO))
        while True:
            before = await self._ledger.find(request.caller.thread_id, undoing.call.id)
            if before is None:
                mine = self._ledger.row(undoing, rule)
                async with self._ledger.at_work(mine):
                    if await self._ledger.start_alone(mine, None):
                        return await self.run(undoing, mine)
            elif answer := await self.outcome(undoing, before):
                return answer

    async def _attempt(self, request: Request, effect: Effect) -> _Ended:
        undoing, card = _undoes(effect), request.tool.card
        try:
            result = await self._invoke(request, effect.id, undoing)
        except OutcomeUnknown as failure:
            ended = await self._fate(request, effect, Life.SILENT, failure.message)
            return replace(ended, result=failure.data) if ended.result is None else ended
        except ToolFailed as failure:
            return _Ended(EffectStatus.FAILED, failure.message, failure.data)
        except TimeoutError:
            log.warning("effect.cut", effect=effect.id, tool=request.tool.name, timeout_s=card.timeout_s)
            return await self._fate(
                request, effect, Life.SILENT, _("It was cut after {seconds:g} s.").format(seconds=card.timeout_s)
            )
        except Exception as bug:  # a tool's own bug: the effect may have happened, so it is never simply repeated
            log.exception("effect.broke", effect=effect.id, tool=request.tool.name)
            text = _("The tool broke ({error}).").format(error=type(bug).__name__)
            return _Ended(EffectStatus.UNKNOWN, f"{text} {_(CUT_SHORT)}")
        return (
            _Ended(EffectStatus.SUCCEEDED, result=result) if undoing else await self._checked(request, effect, result)
        )

    async def _fate(self, request: Request, effect: Effect, life: Life, message: str = "") -> _Ended:
        """Find out what became of an effect that was cut short; run it again only where that is safe."""
        card, unknown = request.tool.card, _Ended(EffectStatus.UNKNOWN, f"{message} {_(CUT_SHORT)}".strip())
        if _undoes(effect):
            return unknown
        if await self._ledger.find(effect.thread_id, effect.call_id + UNDO):
            return await self._undone(request, effect, None)
        try:
            fate = await request.companion("reconcile", effect.id)
        except ToolFailed as failure:
            log.warning("effect.reconcile.failed", effect=effect.id, message=failure.message)
            fate = Settled.UNKNOWN
        if fate is Settled.HAPPENED:
            return await self._checked(request, effect, None, _("It was cut short, but it did take effect."))
        # Whoever is merely silent may have left a thread or a request behind that acts later.
        if life is Life.DEAD and (fate is Settled.NOT_STARTED or (fate is None and card.idempotent)):
            return await self._attempt(request, effect)
        if fate is Settled.NOT_STARTED:
            text = _("The system says that it never took effect.")
            return _Ended(EffectStatus.FAILED, f"{message} {text}".strip())
        return unknown

    async def _checked(self, request: Request, effect: Effect, result: Any, message: str = "") -> _Ended:
        """Ask whether an effect that took place helped; undo it where it did not."""
        try:
            helped = await request.companion("verify")
        except ToolFailed as failure:
            text = _("It ran, but whether it helped could not be checked: {error}").format(error=failure.message)
            return _Ended(EffectStatus.FAILED, text, result)
        if helped is not False:
            return _Ended(EffectStatus.SUCCEEDED, message, result)
        if request.tool.card.rollback is None:
            return _Ended(EffectStatus.FAILED, _("It ran, but the check says it did not help."), result)
        return await self._undone(request, effect, result)

    async def _undone(self, request: Request, effect: Effect, result: Any) -> _Ended:
        answer = await self.undo(request, effect.rule)
        if answer.ok:
            text = _("It did not help; rolled back: {text}").format(text=answer.text)
            return _Ended(EffectStatus.ROLLED_BACK, text, result)
        text = _("It did not help, and rolling it back did not succeed: {text}").format(text=answer.text)
        return _Ended(EffectStatus.FAILED, text, result)

    async def _record(self, request: Request, effect: Effect, ended: _Ended) -> Answer:
        rendered = render(ended.result)
        message = masking.secrets(ended.message)
        if len(rendered.text) > DATA_LIMIT:
            handle = await self._outputs.keep(request.caller.thread_id, rendered.text)
            message += "\n" * bool(message)
            message += cut(rendered.text, request.tool.card.budget_chars - len(message), handle)
        done = await self._ledger.finish(effect, ended.status, result=rendered.data, message=message)
        return await self._replies.of_effect(request, done)


def _undoes(effect: Effect) -> bool:
    return effect.call_id.endswith(UNDO)
