"""Files of tickets: taken as they are sent, given out to be saved, never to be shown."""

import asyncio
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from naryad.errors import NotFound
from naryad.i18n import _
from naryad.tickets.attachments import MAX_BYTES
from server import errors
from server.access import Chatting
from server.chat.schemas import ID_CHARS
from server.edge import let_grow
from server.parts import Using
from server.tickets.endpoints import CHANGE, TicketId
from server.tickets.schemas import FileShown
from server.tickets.service import files_of, helps, part_of, ticket_for

router = APIRouter(
    prefix="/api/v1/support/tickets/{ticket_id}/attachments",
    tags=["support"],
    responses=errors.answers(401, 403, 404, 422),
)
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get("")
async def listed(ticket_id: TicketId, caller: Chatting, parts: Using) -> list[FileShown]:
    """A ticket's files."""
    ticket = await ticket_for(ticket_id, caller, parts)
    return [FileShown.of(file) for file in await files_of(parts).listed(ticket.id, internal=helps(caller))]


@router.post(
    "",
    status_code=201,
    responses=CHANGE,
    openapi_extra={"requestBody": {"content": _BYTES, "required": True}},
)
async def add(
    ticket_id: TicketId,
    request: Request,
    caller: Chatting,
    parts: Using,
    name: Annotated[str, Query(max_length=255)] = "",
    public: bool = True,
) -> FileShown:
    """Send a file: its bytes are the body, whatever its declared type; what it is shows its content.

    Pictures, recordings, documents without macros and text are taken, up to 10 MB each.
    """
    ticket = await ticket_for(ticket_id, caller, parts)
    let_grow(request, MAX_BYTES)
    file = await files_of(parts).add(
        ticket.id,
        caller.person.id,
        name,
        await request.body(),
        author=part_of(ticket, caller),
        public=public or not helps(caller),
    )
    return FileShown.of(file)


@router.get("/{file_id}", response_class=Response, responses={200: {"content": _BYTES}})
async def given(
    ticket_id: TicketId, file_id: Annotated[str, Path(max_length=ID_CHARS)], caller: Chatting, parts: Using
) -> Response:
    """One file, to be saved."""
    ticket = await ticket_for(ticket_id, caller, parts)
    file, path = await files_of(parts).opened(ticket.id, file_id, internal=helps(caller))
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError as error:
        raise NotFound(_("There is no file {id!r}.").format(id=file_id)) from error
    headers = {
        "content-disposition": f"attachment; filename*=utf-8''{quote(file.name)}",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
