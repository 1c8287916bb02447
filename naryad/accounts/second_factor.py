"""The second factor: codes of an authenticator app, each good once, and recovery codes for who lost it."""

import hmac
import secrets
from datetime import datetime, timedelta

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import tokens
from naryad.accounts.accounts import RECOVERY
from naryad.accounts.sealing import Seal
from naryad.clock import now
from naryad.db.models.account import Account, Code

STEP_S = 30
WINDOW = 1
"""Steps before and after the present one whose codes are taken: clocks differ."""
RECOVERY_CODES = 10
_FOR_EVER = timedelta(days=36500)


def new_secret() -> str:
    """A secret for an authenticator app."""
    import pyotp

    return pyotp.random_base32()


def link(account: Account, secret: str) -> str:
    """What the app reads as a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=account.email, issuer_name="Naryad")


def fitting_step(secret: str, code: str, moment: datetime, after: int) -> int | None:
    """The time step of a right code, later than the last used one; None for a wrong or used code."""
    import pyotp

    present, totp = int(moment.timestamp()) // STEP_S, pyotp.TOTP(secret)
    for step in range(present - WINDOW, present + WINDOW + 1):
        if step > after and hmac.compare_digest(totp.generate_otp(step).encode(), code.strip().encode()):
            return step
    return None


async def spend(session: AsyncSession, account: Account, code: str, seal: Seal) -> bool:
    """Use up a code of an account whose row the transaction holds; False where it is wrong or was used."""
    secret = seal.open(account.totp_secret) if account.totp_secret else ""
    step = fitting_step(secret, code, now(), account.totp_step) if secret else None
    if step is not None:
        account.totp_step = step
        session.add(account)
        return True
    used = delete(Code).where(
        col(Code.account_id) == account.id, col(Code.purpose) == RECOVERY, col(Code.sha256) == _recovery(code)
    )
    return bool((await session.exec(used)).rowcount)


async def switch_on(session: AsyncSession, account: Account, code: str, seal: Seal) -> list[str]:
    """Confirm the pending secret with its first code; returns the recovery codes, none for a wrong code."""
    secret = seal.open(account.totp_pending) if account.totp_pending else ""
    step = fitting_step(secret, code, now(), 0) if secret else None
    if step is None:
        return []
    await switch_off(session, account)
    account.totp_secret, account.totp_pending, account.totp_step = account.totp_pending, None, step
    session.add(account)
    made = ["-".join(secrets.token_hex(4) for _part in range(3)) for _code in range(RECOVERY_CODES)]
    for one in made:
        code_row = Code(account_id=account.id, purpose=RECOVERY, sha256=_recovery(one), expires_at=now() + _FOR_EVER)
        session.add(code_row)
    return made


async def switch_off(session: AsyncSession, account: Account) -> None:
    """Take the second factor away, and its recovery codes."""
    account.totp_secret = None
    session.add(account)
    await session.exec(delete(Code).where(col(Code.account_id) == account.id, col(Code.purpose) == RECOVERY))


def _recovery(code: str) -> str:
    return tokens.digest(code.strip().lower())
