"""Who may call what: every route of the server, by area, with the least caller that it lets in.

An administrator may do everything; an operator, a manager and a moderator do their own and what every user does.
"""

from typing import Final

TABLE: Final[dict[str, dict[str, str]]] = {
    "docs": {
        "GET /openapi.json": "public",
        "GET /docs": "public",
        "GET /docs/oauth2-redirect": "public",
        "GET /redoc": "public",
    },
    "telegram": {
        "GET /api/v1/account/telegram": "user",
        "POST /api/v1/account/telegram": "user",
        "DELETE /api/v1/account/telegram": "user",
        "POST /api/v1/telegram/webhook": "public",
    },
}
"""Area → {"METHOD /path": "public", "user", "operator", "manager", "moderator" or "admin"}; a WebSocket's is WS."""

PROVES_ITSELF: Final[frozenset[str]] = frozenset({"POST /api/v1/telegram/webhook"})
"""Public routes that prove their caller in their own way, by a cookie or a shared secret, and so may answer 401."""
