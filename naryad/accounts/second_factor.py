"""The second factor: time-based codes, each good once."""

import hmac
from datetime import datetime

from naryad.db.models.account import Account

STEP_S = 30
WINDOW = 1
"""Steps before and after the present one whose codes are taken: clocks differ."""


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
