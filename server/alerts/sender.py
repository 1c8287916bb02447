"""Who may send alerts: Alertmanager with its own token, a machine with a key for alerts, an operator."""

import hmac
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from naryad.accounts.api_keys import PREFIX, Scope
from naryad.auth import Role
from naryad.i18n import _
from server.access import Bearer, Needs, too_often, unknown
from server.errors import Denied
from server.parts import Using

_needs = Needs(Role.OPERATOR, scope=Scope.ALERTS)


async def sender(connection: HTTPConnection, parts: Using, _described: Bearer = None) -> str:
    """Who sends: the person, or the owner of the key; empty for Alertmanager with the token of the install.

    Raises:
        Denied: 401 for nobody, 403 for somebody else, 429 for too often.
    """
    token, wanted = connection.headers.get("authorization", ""), parts.settings.alertmanager_token
    if wanted and hmac.compare_digest(token.encode(), f"Bearer {wanted.get_secret_value()}".encode()):
        if wait := await parts.limiter.take("account", "alertmanager"):
            raise too_often(wait)
        return ""
    try:
        return (await _needs(connection, parts)).person.id
    except Denied as denied:
        if denied.status != 401 or token.startswith(f"Bearer {PREFIX}"):
            raise
        text = _("This token is not ALERTMANAGER_TOKEN, no key with the scope alerts, and no operator's access token.")
        raise unknown(text) from denied


Sender = Annotated[str, Depends(sender)]
"""A monitor, or an operator."""
