"""What the agent says: at most once for an input's turn, and nothing while a person answers instead."""

from typing import Any

from langchain_core.runnables import RunnableConfig

from graphs.ops.report import REMEMBERED
from graphs.ops.state import caller
from graphs.support.earlier import exchange
from graphs.support.guide import reminder
from graphs.support.state import SupportDeps, SupportState
from naryad.events import EventType
from naryad.handoffs import Brief


class Voice:
    """The node that speaks and falls silent."""

    def __init__(self, deps: SupportDeps) -> None:
        self._deps = deps

    async def tell(self, thread_id: str, input_id: str, part: str, text: str, **facts: Any) -> bool:
        """Say one part of what an input is answered with; a step that is made again says nothing twice."""
        if await self._deps.ops.events.told(thread_id, EventType.MESSAGE, input=input_id, part=part):
            return True
        return await self._deps.handoffs.say(thread_id, text, input=input_id, part=part, **facts)

    async def say(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Tell the reply; one that promises a person is said as the thread is handed over."""
        thread_id, guide = caller(config).thread_id, state.get("guide")
        # Whoever asks something else on the way is told where they are.
        after = reminder(guide) if guide and state["outcome"] not in ("guiding", "escalated") else ""
        reply = "\n\n".join(filter(None, [state["before"], state["reply"], after]))
        facts = {"outcome": state["outcome"], "lang": state["said"]["lang"], **state["facts"]}
        over: dict[str, Any] = {}
        if state["outcome"] == "escalated":
            over = await self._hand_over(state, config, text=reply, input=state["input_id"], part="reply", **facts)
        else:
            await self.tell(thread_id, state["input_id"], "reply", reply, **facts)
        return {
            **over,
            "earlier": [*state.get("earlier", []), exchange(state, reply)][-REMEMBERED:],
            "before": "",
            "reply": "",
            "last": state["outcome"],
        }

    async def _hand_over(self, state: SupportState, config: RunnableConfig, **last: Any) -> dict[str, Any]:
        """Give the thread to a person, with the last that the agent says."""
        said, known = state["said"], state.get("open_question", "")
        summary = "\n".join(filter(None, [known if known != said["text"] else "", said["subject"], said["text"]]))
        kind, _colon, address = caller(config).principal.partition(":")
        brief = Brief(
            summary=summary[:2_000],
            tried=state.get("tried", []),
            urgency=state["facts"].get("urgency", "medium"),
            contact=address if kind in ("mail", "phone") else "",
            reason=state["reason"],
        )
        await self._deps.handoffs.open(caller(config).thread_id, state["input_id"], brief, **last)
        return {"guide": None, "suggested": None, "offered": "", "open_question": "", "failed": 0, "tried": []}
