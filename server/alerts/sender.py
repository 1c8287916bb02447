"""Who may send alerts: Alertmanager with its own token, a machine with a key for alerts, an operator."""

import hmac
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from naryad.accounts.api_keys import Scope
from naryad.auth import Role
from server.access import Needs, too_often
from server.parts import Using

_needs = Needs(Role.OPERATOR, scope=Scope.ALERTS)


async def sender(connection: HTTPConnection, parts: Using) -> str:
    """Who sends, for the log.

    Raises:
        Denied: 401 for nobody, 403 for somebody else, 429 for too often.
    """
    token, wanted = connection.headers.get("authorization", ""), parts.settings.alertmanager_token
    if wanted and hmac.compare_digest(token.encode(), f"Bearer {wanted.get_secret_value()}".encode()):
        if wait := await parts.limiter.take("account", "alertmanager"):
            raise too_often(wait)
        return "alertmanager"
    return (await _needs(connection, parts)).person.id


Sender = Annotated[str, Depends(sender)]
"""A monitor, or an operator."""
