"""Registering, signing in and out, and the way back in."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Request, Response

from naryad.accounts.attempts import MAILS
from naryad.i18n import _
from server import errors
from server.access import Anyone, Public
from server.accounts import sessions
from server.accounts.schemas import (
    Confirmation,
    Credentials,
    Forgotten,
    JustCode,
    NewRegistration,
    Registered,
    Resend,
    Reset,
    SignedIn,
)
from server.errors import Denied
from server.parts import Using

router = APIRouter(prefix=sessions.AUTH, tags=["auth"], responses=errors.answers(413))
RESEND_AFTER = int(MAILS.first.total_seconds())
_SIGNED_IN = errors.answers(401, 403)


@router.post("/register", status_code=202, responses=errors.answers(403, 409, 422))
async def register(_public: Public, wanted: NewRegistration, parts: Using) -> Registered:
    """Ask for an account: a code is mailed to the address. Whether it has an account already, only its reader learns.

    409 where no letter can go from here; 429 with `Retry-After` where one was sent to the address a short while ago.
    """
    if not parts.settings.registration:
        text = _("An administrator makes the accounts here; ask for one.")
        raise Denied(text, status=403, code="registration_closed")
    made = await parts.registrations.register(wanted.email, wanted.password, wanted.name, lang=wanted.lang)
    return Registered(registration=made, resend_after=RESEND_AFTER)


@router.post("/resend", status_code=202, responses=errors.answers(404, 409, 422))
async def resend(_public: Public, wanted: Resend, parts: Using) -> Registered:
    """Ask for another letter; 429 with `Retry-After` before its time."""
    await parts.registrations.resend(wanted.registration)
    return Registered(registration=wanted.registration, resend_after=RESEND_AFTER)


@router.post("/confirm", responses=errors.answers(409, 422))
async def confirm(_public: Public, shown: Confirmation, request: Request, response: Response, parts: Using) -> SignedIn:
    """Confirm the address by the letter's code and the password of the registration, and sign in."""
    opened = await parts.registrations.confirm(shown.code, shown.password, sessions.place(request))
    return sessions.begun(*opened, request, response, parts)


@router.post("/sign-in", responses=errors.answers(401, 422))
async def sign_in(
    _public: Public,
    shown: Credentials,
    request: Request,
    response: Response,
    parts: Using,
    naryad_known: Annotated[str, Cookie(max_length=2000, include_in_schema=False)] = "",
) -> SignedIn:
    """Sign in on this device; `second_factor_required` where the password was right and a code is wanted besides."""
    opened = await parts.signing_in.sign_in(
        shown.email, shown.password, shown.code, known=naryad_known, at=sessions.place(request)
    )
    return sessions.begun(*opened, request, response, parts)


@router.post("/refresh", responses=errors.answers(401, 422))
async def refresh(
    _public: Public,
    request: Request,
    response: Response,
    parts: Using,
    naryad_refresh: Annotated[str, Cookie(max_length=500, include_in_schema=False)] = "",
) -> SignedIn:
    """Exchange the cookie's refresh token for the next one and an access token."""
    account, device, following = await parts.devices.renew(naryad_refresh)
    return sessions.renewed(account, device, following, request, response, parts)


@router.post("/sign-out", status_code=204, responses=_SIGNED_IN)
async def sign_out(caller: Anyone, request: Request, response: Response, parts: Using) -> None:
    """Sign this device out."""
    await parts.devices.end(caller.account.id, caller.device_id)
    sessions.end(request, response, parts)


@router.post("/second-factor", responses={**_SIGNED_IN, **errors.answers(409, 422)})
async def show_second_factor(caller: Anyone, shown: JustCode, parts: Using) -> SignedIn:
    """Show a code again, for what wants a fresh one, such as an emergency."""
    await parts.security.show_second_factor(caller.account.id, shown.code, caller.device_id)
    return sessions.token(caller.account, caller.device_id, parts, second_factor=True)


@router.post("/password/forgot", status_code=202, response_class=Response, responses=errors.answers(409, 422))
async def forgot(_public: Public, wanted: Forgotten, parts: Using) -> Response:
    """Ask for a letter with a code for a new password; the same answer whether the address has an account or not.

    409 where no letter can go from here.
    """
    await parts.signing_in.forgot(wanted.email)
    return Response(status_code=202)


@router.post("/password/reset", status_code=204, responses=errors.answers(409, 422))
async def reset(_public: Public, wanted: Reset, request: Request, response: Response, parts: Using) -> None:
    """Set a new password by the letter's code; every device is signed out, and this one is known from now on."""
    account = await parts.signing_in.reset(wanted.code, wanted.password)
    sessions.remember(account, request, response, parts)
