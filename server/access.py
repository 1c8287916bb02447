"""Who asks, and whether they may: a type in the endpoint's signature, so that no endpoint can forget it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from naryad.accounts.accounts import person
from naryad.accounts.api_keys import PREFIX, Scope
from naryad.auth import Person, Role
from naryad.db.models.account import Account, AccountStatus
from naryad.errors import NotFound, Refused
from naryad.i18n import _
from server.errors import Denied
from server.parts import Parts, Using


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    Attributes:
        account: Whose request it is.
        person: The same as the gate knows them; a key's caller has no role but `USER`: machines decide nothing.
        device_id: The signed-in device; empty for a key.
        second_factor: Whether a code of the second factor was shown on this device.
    """

    account: Account
    person: Person
    device_id: str = ""
    second_factor: bool = False


class Needs:
    """What a route asks of its caller: one of the roles; or, of a machine's key, the scope.

    Attributes:
        roles: Any of them will do.
        scope: What a key must be good for; None where a key does not do.
    """

    def __init__(self, *roles: Role, scope: Scope | None = None) -> None:
        self.roles, self.scope = frozenset(roles), scope

    async def __call__(self, connection: HTTPConnection, parts: Using) -> Caller:
        """The caller.

        Raises:
            Denied: 401 for nobody, 403 for somebody else, 429 for too often.
        """
        scheme, _space, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unknown(_("Sign in, or send a key: Authorization: Bearer …"))
        try:
            if token.startswith(PREFIX):
                caller = await self._machine(token, parts)
            else:
                caller = await _signed_in(token, parts)
        except (Refused, NotFound) as refusal:
            raise _unknown(refusal.message) from refusal
        if wait := await parts.limiter.take("account", caller.account.id):
            raise too_often(wait)
        if not self.roles & caller.person.roles:
            raise Denied(_("Your role does not allow this."), status=403, code="forbidden")
        return caller

    async def _machine(self, key: str, parts: Parts) -> Caller:
        if self.scope is None:
            raise Denied(_("A key does not do here: sign in as a person."), status=403, code="forbidden")
        account = await parts.keys.check(key, self.scope)
        return Caller(account, Person(f"account:{account.id}", person(account).roles))


async def _signed_in(token: str, parts: Parts) -> Caller:
    access = parts.signer.read(token)
    # The row, not the token, says what the person may do: a role taken away is gone at once.
    account = await parts.accounts.get(access.account_id)
    if account.status is not AccountStatus.ACTIVE or not await parts.devices.alive(access.device_id):
        raise Refused(_("Sign in again: this device is signed out."))
    return Caller(account, person(account), access.device_id, access.second_factor)


def _unknown(message: str) -> Denied:
    return Denied(message, status=401, code="unauthorized", headers={"WWW-Authenticate": "Bearer"})


def too_often(wait: int) -> Denied:
    """Too many requests; they may come again after `wait` seconds."""
    text = _("Too many requests; try again in {seconds} s.").format(seconds=wait)
    return Denied(text, status=429, code="too_many_requests", headers={"Retry-After": str(wait)})


def open_to_all() -> None:
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
Operator = Annotated[Caller, Depends(Needs(Role.OPERATOR))]
"""Operators and administrators."""
Admin = Annotated[Caller, Depends(Needs(Role.ADMIN))]
"""Administrators."""
