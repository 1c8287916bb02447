"""The HTTP API: chat, approvals, alerts, incidents, health."""
