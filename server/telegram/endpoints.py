"""The webhook: proves the sender by Telegram's secret header and stores the update; the bot takes it from there."""

from typing import Annotated

from fastapi import APIRouter, Header

from naryad.errors import NotFound
from naryad.i18n import _
from naryad.inbox import WEBHOOK
from server import errors
from server.access import Public
from server.errors import Denied
from server.parts import Using
from server.telegram.proof import HEADER, proven
from server.telegram.schemas import Update

router = APIRouter(tags=["telegram"], responses=errors.answers(401, 404, 413, 422))


@router.post(WEBHOOK, status_code=204)
async def receive(
    update: Update,
    parts: Using,
    proof: Public,
    secret: Annotated[str, Header(alias=HEADER, max_length=256)] = "",
) -> None:
    """Take one update; one that came before is accepted and forgotten."""
    if parts.settings.telegram_webhook_secret is None or parts.settings.telegram_token is None:
        raise NotFound(_("There is no bot here."))
    if not proven(secret, parts.settings):
        raise Denied(_("This is not Telegram's secret."), status=401, code="unauthorized")
    await parts.inbox.put(update.model_dump())
