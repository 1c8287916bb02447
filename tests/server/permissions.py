"""Who may call what: every route of the server, by area, with the least caller that it lets in.

An administrator may do everything; an operator, a manager and a moderator do their own and what every user does.
"""

from typing import Final

TABLE: Final[dict[str, dict[str, str]]] = {
    "alerts": {
        "POST /webhook/alertmanager": "operator",
        "POST /api/v1/alerts": "operator",
        "GET /api/v1/alerts": "operator",
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
    "handoffs": {
        "GET /api/v1/handoffs": "operator or manager",
        "POST /api/v1/handoffs": "operator or manager",
        "GET /api/v1/handoffs/{handoff_id}": "operator or manager",
        "POST /api/v1/handoffs/{handoff_id}/take": "operator or manager",
        "POST /api/v1/handoffs/{handoff_id}/replies": "operator or manager",
        "POST /api/v1/handoffs/{handoff_id}/return": "operator or manager",
    },
    "jobs": {
        "GET /api/v1/jobs": "admin",
        "PATCH /api/v1/jobs/{name}": "admin",
        "GET /api/v1/jobs/{name}/runs": "admin",
        "POST /api/v1/jobs/{name}/runs": "admin",
        "POST /api/v1/jobs/{name}/cancel": "admin",
    },
    "reports": {
        "GET /api/v1/reports": "operator",
        "POST /api/v1/reports": "operator",
        "GET /api/v1/reports/{report_id}": "operator",
        "GET /api/v1/reports/{report_id}/file": "operator",
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
        "GET /api/v1/agents/{agent}/health": "operator",
        "POST /api/v1/analyze": "operator",
    },
    "metrics": {
        "GET /metrics": "public",
        "GET /api/v1/metrics": "operator",
    },
    "approvals": {
        "GET /api/v1/approvals": "user",
        "GET /api/v1/approvals/{approval_id}": "user",
        "POST /api/v1/approvals/{approval_id}/approve": "user",
        "POST /api/v1/approvals/{approval_id}/reject": "user",
        "POST /api/v1/approvals/{approval_id}/edit": "user",
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
    "knowledge": {
        "POST /api/v1/knowledge/ask": "user",
        "GET /api/v1/knowledge/search": "user",
        "GET /api/v1/knowledge/status": "operator",
        "GET /api/v1/knowledge/documents": "user",
        "POST /api/v1/knowledge/documents": "operator",
        "GET /api/v1/knowledge/documents/{document_id}/{lang}": "user",
        "DELETE /api/v1/knowledge/documents/{document_id}/{lang}": "operator",
        "GET /api/v1/knowledge/documents/{document_id}/{lang}/history": "operator",
        "GET /api/v1/knowledge/documents/{document_id}/{lang}/diff": "operator",
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
    "support": {
        "POST /api/v1/support/tickets": "user",
        "GET /api/v1/support/tickets": "user",
        "GET /api/v1/support/tickets/statistics": "operator or manager",
        "GET /api/v1/support/tickets/{ticket_id}": "user",
        "PATCH /api/v1/support/tickets/{ticket_id}": "operator or manager",
        "GET /api/v1/support/tickets/{ticket_id}/entries": "user",
        "POST /api/v1/support/tickets/{ticket_id}/comments": "user",
        "PUT /api/v1/support/tickets/{ticket_id}/assign": "operator or manager",
        "PUT /api/v1/support/tickets/{ticket_id}/wait": "operator or manager",
        "PUT /api/v1/support/tickets/{ticket_id}/resolve": "operator or manager",
        "PUT /api/v1/support/tickets/{ticket_id}/merge": "operator or manager",
        "PUT /api/v1/support/tickets/{ticket_id}/close": "user",
        "PUT /api/v1/support/tickets/{ticket_id}/reopen": "user",
        "PUT /api/v1/support/tickets/{ticket_id}/rating": "user",
        "GET /api/v1/support/tickets/{ticket_id}/attachments": "user",
        "POST /api/v1/support/tickets/{ticket_id}/attachments": "user",
        "GET /api/v1/support/tickets/{ticket_id}/attachments/{file_id}": "user",
        "POST /api/v1/support/ratings": "public",
        "POST /api/v1/support/chat": "user",
    },
    "telegram": {
        "GET /api/v1/account/telegram": "user",
        "POST /api/v1/account/telegram": "user",
        "DELETE /api/v1/account/telegram": "user",
        "POST /api/v1/telegram/webhook": "public",
    },
    "telephony": {
        "POST /api/v1/telephony/calls": "public",
    },
}
"""Area → {"METHOD /path": "public", "user", "operator", "manager", "moderator" or "admin"}; a WebSocket's is WS.

A route that two roles may call names both: `operator or manager`."""

PROVES_ITSELF: Final[frozenset[str]] = frozenset(
    {"POST /api/v1/telegram/webhook", "POST /api/v1/telephony/calls", "POST /api/v1/auth/refresh", "GET /metrics"}
)
"""Public routes that prove their caller in their own way, by a cookie or a shared secret, and so may answer 401."""
