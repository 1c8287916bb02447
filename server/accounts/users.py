"""Everybody's accounts, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query

from naryad.db.models.account import Account
from server import errors
from server.access import Admin
from server.accounts.schemas import User, UserChange, Users
from server.parts import Using

router = APIRouter(prefix="/api/v1/users", tags=["users"], responses=errors.answers(401, 403, 413, 422))


@router.get("")
async def listed(
    _admin: Admin,
    parts: Using,
    search: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Users:
    """Accounts in the order of their making; `search` looks into addresses and names."""
    found = await parts.accounts.listed(search=search, after=after, limit=limit + 1)
    page = found[:limit]
    return Users(users=[_shown(account) for account in page], next=page[-1].id if len(found) > limit else "")


@router.get("/{account_id}", responses=errors.answers(404))
async def one(_admin: Admin, account_id: str, parts: Using) -> User:
    """One account."""
    return _shown(await parts.accounts.get(account_id))


@router.patch("/{account_id}", responses=errors.answers(404, 409))
async def change(admin: Admin, account_id: str, wanted: UserChange, parts: Using) -> User:
    """Give another role, or disable and enable; a disabled account loses its devices and its keys."""
    changed = await parts.accounts.change(account_id, by=admin.person.id, role=wanted.role, disabled=wanted.disabled)
    return _shown(changed)


def _shown(account: Account) -> User:
    return User(
        **account.model_dump(include={"id", "email", "name", "role", "status", "lang", "created_at"}),
        second_factor=account.totp_secret is not None,
        telegram=account.telegram_id is not None,
    )
