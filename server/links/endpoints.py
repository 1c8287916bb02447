"""The link between the caller's account and Telegram."""

from fastapi import APIRouter

from naryad.accounts.links import CODE_LIFE, Links
from server import errors
from server.access import Anyone
from server.accounts.schemas import Proof
from server.links.schemas import LinkCode, Linked
from server.parts import Using

router = APIRouter(prefix="/api/v1/account/telegram", tags=["account"], responses=errors.answers(401, 403))


@router.get("")
async def linked(caller: Anyone) -> Linked:
    """Whether the account is linked."""
    return Linked(linked=caller.account.telegram_id is not None)


@router.post("", status_code=201, responses=errors.answers(404, 409, 413, 422))
async def new_code(caller: Anyone, proof: Proof, parts: Using) -> LinkCode:
    """A one-time code for the bot; it makes the one before worthless. A link decides: a stolen token makes none."""
    async with parts.security.proven(caller.account.id, proof.password, proof.code) as (session, account):
        code = await Links(parts.crew.runtime.database).add_code(session, account)
    return LinkCode(code=code, expires_in=int(CODE_LIFE.total_seconds()))


@router.delete("", status_code=204)
async def unlink(caller: Anyone, parts: Using) -> None:
    """Break the link; the bot forgets the person at once."""
    await Links(parts.crew.runtime.database).unlink(caller.account.id)
