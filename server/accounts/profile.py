"""One's own account: profile, password, second factor, devices, keys, deletion."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from naryad.accounts import removal
from naryad.clock import now
from naryad.db.models.account import ApiKey
from naryad.tickets.attachments import Attachments
from server import errors
from server.access import Anyone
from server.accounts import sessions
from server.accounts.schemas import (
    DeviceView,
    IssuedKey,
    JustCode,
    JustPassword,
    KeyView,
    NewKey,
    PasswordChange,
    Profile,
    ProfileChange,
    Proof,
    RecoveryCodes,
    SecondFactorSecret,
)
from server.parts import Using

router = APIRouter(prefix="/api/v1/account", tags=["account"], responses=errors.answers(401, 403, 413))
_PROVEN = errors.answers(409, 422)


@router.get("")
async def mine(caller: Anyone) -> Profile:
    """Who I am."""
    return sessions.profile(caller.account)


@router.patch("", responses=errors.answers(422))
async def describe(caller: Anyone, wanted: ProfileChange, parts: Using) -> Profile:
    """Change my name or my language."""
    values = wanted.model_dump(exclude_none=True)
    return sessions.profile(await parts.accounts.describe(caller.account.id, **values))


@router.delete("", status_code=204, responses=_PROVEN)
async def remove(caller: Anyone, proof: Proof, request: Request, response: Response, parts: Using) -> None:
    """Delete my account and everything that is mine; the audit keeps the account's id and nothing else of me."""
    await parts.security.prove(caller.account.id, proof.password, proof.code)
    files = Attachments.of(parts.crew.tickets, parts.settings)
    await removal.remove(caller.account.id, parts.accounts, parts.threads, parts.driver, files)
    sessions.end(request, response, parts)


@router.post("/password", status_code=204, responses=_PROVEN)
async def change_password(caller: Anyone, wanted: PasswordChange, parts: Using) -> None:
    """Set another password; every other device is signed out."""
    await parts.security.change_password(caller.account.id, wanted.old, wanted.new, caller.device_id)


@router.post("/second-factor", status_code=201, responses=_PROVEN)
async def begin_second_factor(caller: Anyone, proof: JustPassword, parts: Using) -> SecondFactorSecret:
    """Make a secret for an authenticator app; it is in force once its first code was shown."""
    secret, link = await parts.security.begin_second_factor(caller.account.id, proof.password)
    return SecondFactorSecret(secret=secret, link=link)


@router.post("/second-factor/confirm", responses=_PROVEN)
async def confirm_second_factor(caller: Anyone, shown: JustCode, parts: Using) -> RecoveryCodes:
    """Put the secret in force by its first code; every other device is signed out."""
    codes = await parts.security.confirm_second_factor(caller.account.id, shown.code, caller.device_id)
    return RecoveryCodes(codes=codes)


@router.post("/second-factor/disable", status_code=204, responses=_PROVEN)
async def disable_second_factor(caller: Anyone, proof: Proof, parts: Using) -> None:
    """Switch the second factor off."""
    await parts.security.disable_second_factor(caller.account.id, proof.password, proof.code)


@router.get("/devices")
async def devices(caller: Anyone, parts: Using) -> list[DeviceView]:
    """Where I am signed in, the last used first."""
    return [
        DeviceView(
            **device.model_dump(include={"id", "label", "address", "created_at", "used_at"}),
            second_factor=device.second_factor_at is not None,
            current=device.id == caller.device_id,
        )
        for device in await parts.devices.of(caller.account.id)
    ]


@router.delete("/devices", status_code=204)
async def sign_out_everywhere(caller: Anyone, request: Request, response: Response, parts: Using) -> None:
    """Sign every device out, this one too."""
    await parts.devices.end_all(caller.account.id)
    sessions.end(request, response, parts)


@router.delete("/devices/{device_id}", status_code=204, responses=errors.answers(404, 422))
async def sign_device_out(caller: Anyone, device_id: str, parts: Using) -> None:
    """Sign one device out."""
    await parts.devices.end(caller.account.id, device_id)


@router.get("/keys")
async def keys(caller: Anyone, parts: Using) -> list[KeyView]:
    """My machines' keys."""
    return [_shown(key) for key in await parts.keys.of(caller.account.id)]


@router.post("/keys", status_code=201, responses=_PROVEN)
async def issue_key(caller: Anyone, wanted: NewKey, parts: Using) -> IssuedKey:
    """Issue a key for a machine: it is shown this once, and never may more than I."""
    until = now() + timedelta(days=wanted.expires_in_days) if wanted.expires_in_days else None
    async with parts.security.proven(caller.account.id, wanted.password, wanted.code) as (session, account):
        row, key = await parts.keys.add(session, account, wanted.name, wanted.scopes, until)
    return IssuedKey(**_shown(row).model_dump(), key=key)


@router.delete("/keys/{key_id}", status_code=204, responses=errors.answers(404, 422))
async def revoke_key(caller: Anyone, key_id: str, parts: Using) -> None:
    """Revoke a key."""
    await parts.keys.revoke(caller.account.id, key_id)


def _shown(key: ApiKey) -> KeyView:
    return KeyView(**key.model_dump(include={"id", "name", "scopes", "created_at", "expires_at"}))
