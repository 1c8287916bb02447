"""Who may call what: every route of the server, by area, with the least caller that it lets in.

An administrator may do everything; an operator, a manager and a moderator do their own and what every user does.
"""

from typing import Final

TABLE: Final[dict[str, dict[str, str]]] = {
    "alerts": {
        "POST /webhook/alertmanager": "operator",
        "POST /api/v1/alerts": "operator",
    },
    "incidents": {
        "GET /api/v1/incidents": "operator",
        "POST /api/v1/incidents": "operator",
        "GET /api/v1/incidents/statistics": "operator",
        "GET /api/v1/incidents/{incident_id}": "operator",
        "PUT /api/v1/incidents/{incident_id}/acknowledge": "operator",
        "PUT /api/v1/incidents/{incident_id}/assign": "operator",
        "PUT /api/v1/incidents/{incident_id}/resolve": "operator",
        "POST /api/v1/incidents/{incident_id}/comments": "operator",
        "GET /api/v1/silences": "operator",
        "POST /api/v1/silences": "operator",
        "DELETE /api/v1/silences/{silence_id}": "operator",
    },
    "docs": {
        "GET /openapi.json": "public",
    },
    "accounts": {
        "POST /api/v1/auth/register": "public",
        "POST /api/v1/auth/resend": "public",
        "POST /api/v1/auth/confirm": "public",
        "POST /api/v1/auth/sign-in": "public",
        "POST /api/v1/auth/refresh": "public",
        "POST /api/v1/auth/sign-out": "user",
        "POST /api/v1/auth/second-factor": "user",
        "POST /api/v1/auth/password/forgot": "public",
        "POST /api/v1/auth/password/reset": "public",
        "GET /api/v1/account": "user",
        "PATCH /api/v1/account": "user",
        "DELETE /api/v1/account": "user",
        "POST /api/v1/account/password": "user",
        "POST /api/v1/account/second-factor": "user",
        "POST /api/v1/account/second-factor/confirm": "user",
        "POST /api/v1/account/second-factor/disable": "user",
        "GET /api/v1/account/devices": "user",
        "DELETE /api/v1/account/devices": "user",
        "DELETE /api/v1/account/devices/{device_id}": "user",
        "GET /api/v1/account/keys": "user",
        "POST /api/v1/account/keys": "user",
        "DELETE /api/v1/account/keys/{key_id}": "user",
        "GET /api/v1/users": "admin",
        "GET /api/v1/users/{account_id}": "admin",
        "PATCH /api/v1/users/{account_id}": "admin",
    },
    "health": {
        "GET /health": "public",
        "GET /ready": "public",
        "GET /api/v1/health": "operator",
        "GET /api/v1/components/{component_id}/status": "operator",
        "GET /api/v1/circuit-breakers": "operator",
        "POST /api/v1/analyze": "operator",
    },
    "metrics": {
        "GET /metrics": "public",
        "GET /api/v1/metrics": "operator",
    },
    "approvals": {
        "GET /api/v1/approvals": "user",
        "GET /api/v1/approvals/{approval_id}": "user",
        "POST /api/v1/approvals/{approval_id}/approve": "operator",
        "POST /api/v1/approvals/{approval_id}/reject": "operator",
        "POST /api/v1/approvals/{approval_id}/edit": "operator",
    },
    "chat": {
        "GET /api/v1/agents": "user",
        "POST /api/v1/agents/{agent}/threads": "user",
        "GET /api/v1/threads": "user",
        "POST /api/v1/threads/{thread_id}/runs": "user",
        "GET /api/v1/threads/{thread_id}/events": "user",
        "GET /api/v1/threads/{thread_id}/state": "user",
        "POST /api/v1/threads/{thread_id}/cancel": "user",
        "GET /api/v1/threads/{thread_id}/messages": "user",
        "DELETE /api/v1/threads/{thread_id}": "user",
        "WS /api/v1/events": "public",
    },
    "completions": {
        "GET /v1/models": "user",
        "POST /v1/chat/completions": "user",
    },
    "notifications": {
        "GET /api/v1/deliveries": "admin",
        "POST /api/v1/deliveries/{delivery_id}/retry": "admin",
        "POST /api/v1/notifications/test": "admin",
    },
    "telegram": {
        "GET /api/v1/account/telegram": "user",
        "POST /api/v1/account/telegram": "user",
        "DELETE /api/v1/account/telegram": "user",
        "POST /api/v1/telegram/webhook": "public",
    },
}
"""Area → {"METHOD /path": "public", "user", "operator", "manager", "moderator" or "admin"}; a WebSocket's is WS."""

PROVES_ITSELF: Final[frozenset[str]] = frozenset({"POST /api/v1/telegram/webhook", "POST /api/v1/auth/refresh"})
"""Public routes that prove their caller in their own way, by a cookie or a shared secret, and so may answer 401."""
