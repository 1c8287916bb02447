"""The support agent in one request: a message goes in, what comes of it comes out."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse

from naryad.accounts.accounts import principal
from naryad.errors import NotFound
from naryad.i18n import _
from server import errors
from server.access import Chatting
from server.chat import service
from server.chat.schemas import ID_CHARS, Run
from server.errors import Denied
from server.parts import Using
from server.tickets.schemas import SupportMessage

router = APIRouter(prefix="/api/v1/support", tags=["support"], responses=errors.answers(401, 403, 413, 422))
AGENT = "support"


@router.post(
    "/chat",
    response_model=Run,
    responses={202: {"model": Run, "description": "Accepted; it still runs"}, **errors.answers(404, 409)},
)
async def chat(
    said: SupportMessage,
    caller: Chatting,
    parts: Using,
    key: Annotated[str, Header(alias="Idempotency-Key", max_length=255)] = "",
) -> Response:
    """Say something to the support agent, and wait for the answer; `context.thread` goes on with a conversation.

    An `Idempotency-Key` that came before in that conversation says nothing again.
    """
    if said.user_id not in (None, caller.account.id, principal(caller.account.id)):
        raise Denied(_("You can ask for yourself only."), status=403, code="forbidden")
    service.check_agent(parts, caller, AGENT)
    facts = dict(said.context)
    if named := facts.pop("thread", None):
        thread = await parts.threads.get(str(named)[:ID_CHARS], caller.person)
        if thread.agent != AGENT:
            raise NotFound(_("There is no thread {id!r}.").format(id=named))
    else:
        thread = await parts.threads.open(AGENT, caller.person)
    text = "\n".join([said.message, *(f"{name}: {fact}" for name, fact in facts.items() if fact is not None)])
    run = await service.result(parts, thread.id, await service.begin(parts, caller, thread, text, key))
    return JSONResponse(run.model_dump(), 202 if run.status == "running" else 200)
