"""How a browser holds a signed-in device: an access token in its hands, the refresh token in a cookie out of them."""

import ipaddress
from urllib.parse import urlsplit

from fastapi import Request, Response

from naryad.accounts.devices import LIFE, Place
from naryad.accounts.tokens import ACCESS_LIFE, KNOWN_LIFE, Access
from naryad.db.models.account import Account, Device
from server.accounts.schemas import Profile, SignedIn
from server.parts import Parts

AUTH = "/api/v1/auth"
REFRESH, KNOWN = "naryad_refresh", "naryad_known"
"""The refresh token; and what tells a device that the account was signed in on before, for who is locked out."""
_PATHS = {REFRESH: f"{AUTH}/refresh", KNOWN: f"{AUTH}/sign-in"}
"""The only path that each cookie is sent to."""


def place(request: Request) -> Place:
    """Where a request comes from."""
    return Place(request.headers.get("user-agent", ""), request.client.host if request.client else "")


def begun(
    account: Account, device: Device, refresh: str, request: Request, response: Response, parts: Parts
) -> SignedIn:
    """Hand out what a new device holds; whatever the browser held before is replaced."""
    remember(account, request, response, parts)
    return renewed(account, device, refresh, request, response, parts)


def renewed(
    account: Account, device: Device, refresh: str, request: Request, response: Response, parts: Parts
) -> SignedIn:
    """Hand out the next pair of tokens."""
    set_cookie(response, REFRESH, refresh, int(LIFE.total_seconds()), secure=is_secure(request, parts))
    return token(account, device.id, parts, second_factor=device.second_factor_at is not None)


def token(account: Account, device_id: str, parts: Parts, *, second_factor: bool) -> SignedIn:
    """A new access token."""
    access = Access(account.id, account.role, device_id, second_factor)
    return SignedIn(
        access_token=parts.signer.sign(access),
        expires_in=int(ACCESS_LIFE.total_seconds()),
        account=profile(account),
    )


def remember(account: Account, request: Request, response: Response, parts: Parts) -> None:
    """Make the device one that a stranger's wrong passwords do not lock out."""
    known = parts.signer.know(account.id)
    set_cookie(response, KNOWN, known, int(KNOWN_LIFE.total_seconds()), secure=is_secure(request, parts))


def end(request: Request, response: Response, parts: Parts) -> None:
    """Take the refresh token back; the device stays known."""
    set_cookie(response, REFRESH, "", 0, secure=is_secure(request, parts))


def set_cookie(response: Response, name: str, value: str, life: int, *, secure: bool) -> None:
    """Set a cookie that only its own path gets, no script reads, and no other site can send."""
    response.set_cookie(name, value, max_age=life, path=_PATHS[name], httponly=True, samesite="strict", secure=secure)


def is_secure(request: Request, parts: Parts) -> bool:
    """Whether cookies may travel over TLS only: always, except on the machine itself.

    The public address counts for more than the request: behind a proxy that passes neither name nor scheme on, every
    request seems to be for the machine itself.
    """
    if parts.settings.public_url:
        return not _loopback(parts.settings.public_url)
    return not _loopback(str(request.url))


def profile(account: Account) -> Profile:
    """An account as its owner sees it."""
    return Profile(
        **account.model_dump(include={"id", "email", "name", "role", "lang", "created_at"}),
        second_factor=account.totp_secret is not None,
        telegram=account.telegram_id is not None,
    )


def _loopback(url: str) -> bool:
    """Whether a URL is plain HTTP to this machine."""
    parsed = urlsplit(url)
    if parsed.scheme != "http":
        return False
    try:
        return parsed.hostname == "localhost" or ipaddress.ip_address(parsed.hostname or "").is_loopback
    except ValueError:
        return False
