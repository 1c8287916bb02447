"""Who asks, and whether they may: a type in the endpoint's signature, so that no endpoint can forget it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from naryad.accounts.accounts import person, principal
from naryad.accounts.api_keys import PREFIX, Scope
from naryad.accounts.refusals import NotSignedIn
from naryad.auth import Person, Role
from naryad.db.models.account import Account
from naryad.errors import Refused
from naryad.i18n import _
from server.errors import Denied
from server.parts import Parts, Using

SHOWN_WITHIN = timedelta(minutes=10)
"""How fresh a second factor must be for what an emergency allows."""


_BEARER = HTTPBearer(
    scheme_name="bearer",
    description="A person's access token from POST /api/v1/auth/sign-in, or a machine's key.",
    auto_error=False,
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
"""Says in the API's description that a route wants a token; what the token is worth is decided here."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    Attributes:
        account: Whose request it is.
        person: The same as the gate knows them; a key's caller has no role but `USER`: machines decide nothing.
        device_id: The signed-in device; empty for a key.
        second_factor_at: When a code of the second factor was last shown on this device.
    """

    account: Account
    person: Person
    device_id: str = ""
    second_factor_at: datetime | None = None


class Needs:
    """What a route asks of its caller: one of the roles; or, of a machine's key, the scope.

    Attributes:
        roles: Any of them will do.
        scope: What a key must be good for; None where a key does not do.
    """

    def __init__(self, *roles: Role, scope: Scope | None = None) -> None:
        self.roles, self.scope = frozenset(roles), scope

    async def __call__(self, connection: HTTPConnection, parts: Using, _described: Bearer = None) -> Caller:
        """The caller.

        Raises:
            Denied: 401 for nobody, 403 for somebody else, 429 for too often.
        """
        scheme, _space, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unknown(_("Sign in, or send a key: Authorization: Bearer …"))
        machine = token.startswith(PREFIX)
        caller = await (self._machine(token, parts) if machine else _signed_in(token, parts))
        if wait := await parts.limiter.take("account", caller.account.id):
            raise too_often(wait)
        if not machine and not self.roles & caller.person.roles:
            raise _forbidden(_("Your role does not allow this."))
        return caller

    async def _machine(self, key: str, parts: Parts) -> Caller:
        if self.scope is None:
            raise _forbidden(_("A key does not do here: sign in as a person."))
        try:
            account = await parts.keys.check(key, self.scope)
        except NotSignedIn as refusal:
            raise unknown(refusal.message) from refusal
        except Refused as refusal:
            raise _forbidden(refusal.message) from refusal
        return Caller(account, Person(principal(account.id), frozenset({Role.USER})))


async def _signed_in(token: str, parts: Parts) -> Caller:
    try:
        access = parts.signer.read(token)
        # The rows, not the token, say what the person may do: a role taken away is gone at once.
        account, device = await parts.devices.bearer(access.device_id)
    except NotSignedIn as refusal:
        raise unknown(refusal.message) from refusal
    return Caller(account, person(account), device.id, device.second_factor_at)


def unknown(message: str, code: str = "unauthorized") -> Denied:
    """Nobody in particular asks: 401."""
    return Denied(message, status=401, code=code, headers={"WWW-Authenticate": "Bearer"})


def _forbidden(message: str) -> Denied:
    return Denied(message, status=403, code="forbidden")


def too_often(wait: int) -> Denied:
    """Too many requests; they may come again after `wait` seconds."""
    text = _("Too many requests; try again in {seconds} s.").format(seconds=wait)
    return Denied(text, status=429, code="too_many_requests", headers={"Retry-After": str(wait)})


async def open_to_all() -> None:
    """Marks a route that asks nothing of its caller, or proves its caller in another way, which it must name."""


Public = Annotated[None, Depends(open_to_all)]
"""Anybody, without signing in."""
Anyone = Annotated[Caller, Depends(Needs(*Role))]
"""Every signed-in person."""
Chatting = Annotated[Caller, Depends(Needs(*Role, scope=Scope.CHAT))]
"""Every signed-in person, and a machine whose key is good for chats."""
Reading = Annotated[Caller, Depends(Needs(Role.OPERATOR, scope=Scope.READ))]
"""Operators, and a machine whose key is good for reading."""
Alerting = Annotated[Caller, Depends(Needs(Role.OPERATOR, scope=Scope.ALERTS))]
"""Operators, and a machine whose key is good for sending alerts."""
Helping = Annotated[Caller, Depends(Needs(Role.OPERATOR, Role.MANAGER))]
"""Whoever helps people: operators, managers and administrators."""
Counting = Annotated[Caller, Depends(Needs(Role.OPERATOR, Role.MANAGER, scope=Scope.READ))]
"""The same, and a machine whose key is good for reading."""
Operator = Annotated[Caller, Depends(Needs(Role.OPERATOR))]
"""Operators and administrators."""
Admin = Annotated[Caller, Depends(Needs(Role.ADMIN))]
"""Administrators."""
