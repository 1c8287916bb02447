"""Silences: maintenance that must not wake anybody."""

from typing import Annotated

from fastapi import APIRouter, Query

from naryad.clock import now
from server import errors
from server.access import Operator, Reading
from server.incidents.schemas import NewSilence, SilencePage, SilenceShown
from server.parts import Using

router = APIRouter(prefix="/api/v1/silences", tags=["silences"], responses=errors.answers(401, 403, 422))


@router.get("")
async def listed(
    _caller: Reading,
    parts: Using,
    past: bool = False,
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> SilencePage:
    """Silences that hold or are planned, the newest first; with `past` all."""
    found = await parts.silences.listed(past=past, before=cursor, limit=limit)
    shown = [SilenceShown.of(silence, now()) for silence in found]
    return SilencePage(silences=shown, next=found[-1].id if len(found) == limit else None)


@router.post("", status_code=201, responses=errors.answers(409, 413))
async def add(new: NewSilence, caller: Operator, parts: Using) -> SilenceShown:
    """Silence fitting alerts for a time."""
    matchers = [matcher.model_dump() for matcher in new.matchers]
    made = await parts.silences.add(matchers, new.starts_at or now(), new.ends_at, new.reason, caller.person.id)
    return SilenceShown.of(made, now())


@router.delete("/{silence_id}", responses=errors.answers(404))
async def end(silence_id: str, _caller: Operator, parts: Using) -> SilenceShown:
    """End a silence now; what it covered and still fires makes incidents soon."""
    return SilenceShown.of(await parts.silences.end(silence_id), now())
