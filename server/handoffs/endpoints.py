"""Handoffs: seen, taken, answered, returned; and threads taken over from an agent."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query

from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.handoffs.conversation import of_thread
from server import errors
from server.access import Helping
from server.chat.schemas import ID_CHARS
from server.handoffs.schemas import HandoffLine, HandoffPage, HandoffReply, HandoffShown, Show, TakeOver
from server.parts import Parts, Using

router = APIRouter(prefix="/api/v1/handoffs", tags=["handoffs"], responses=errors.answers(401, 403, 422))
_CHANGE = errors.answers(404, 409, 413)
HandoffId = Annotated[str, Path(max_length=ID_CHARS)]
SHOWN = 200
"""So many of the last words of a conversation are shown."""
_STATUSES: dict[Show, tuple[HandoffStatus, ...]] = {
    "open": (HandoffStatus.OPEN,),
    "mine": (HandoffStatus.TAKEN,),
    "active": (HandoffStatus.OPEN, HandoffStatus.TAKEN),
    "all": (),
}


@router.get("")
async def listed(
    caller: Helping,
    parts: Using,
    show: Show = "active",
    cursor: Annotated[str, Query(max_length=ID_CHARS)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> HandoffPage:
    """Handoffs, the newest first."""
    whose = caller.person.id if show == "mine" else ""
    found = await parts.crew.handoffs.listed(*_STATUSES[show], taken_by=whose, before=cursor, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return HandoffPage(handoffs=[HandoffLine.of(handoff) for handoff in found], next=more)


@router.post("", status_code=201, responses=_CHANGE)
async def take_over(wanted: TakeOver, caller: Helping, parts: Using) -> HandoffShown:
    """Answer in a thread instead of the agent; what it is saying there is withdrawn."""
    handoff = await parts.crew.handoffs.take_over(wanted.thread, caller.person, wanted.reason)
    await parts.driver.end(wanted.thread)
    return await _shown(handoff, parts)


@router.get("/{handoff_id}", responses=errors.answers(404))
async def shown(handoff_id: HandoffId, _caller: Helping, parts: Using) -> HandoffShown:
    """What a person must know to go on, and what was said."""
    return await _shown(await parts.crew.handoffs.of_id(handoff_id), parts)


@router.post("/{handoff_id}/take", responses=_CHANGE)
async def take(handoff_id: HandoffId, caller: Helping, parts: Using) -> HandoffShown:
    """Be the one who answers; of two people one wins, the other gets 409."""
    return await _shown(await parts.crew.handoffs.take(handoff_id, caller.person), parts)


@router.post("/{handoff_id}/replies", status_code=201, responses=_CHANGE)
async def reply(
    handoff_id: HandoffId,
    said: HandoffReply,
    caller: Helping,
    parts: Using,
    key: Annotated[str, Header(alias="Idempotency-Key", max_length=255)] = "",
) -> HandoffShown:
    """Say something to the user, where they are; whoever says the first word has taken it."""
    return await _shown(await parts.crew.handoffs.reply(handoff_id, caller.person, said.text, key=key), parts)


@router.post("/{handoff_id}/return", responses=_CHANGE)
async def hand_back(handoff_id: HandoffId, caller: Helping, parts: Using) -> HandoffShown:
    """Let the agent answer again."""
    return await _shown(await parts.crew.handoffs.hand_back(handoff_id, caller.person), parts)


async def _shown(handoff: Handoff, parts: Parts) -> HandoffShown:
    said = await of_thread(parts.crew.runtime.events, handoff.thread_id, limit=SHOWN)
    return HandoffShown.whole(handoff, said)
