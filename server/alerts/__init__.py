"""Alerts in: Alertmanager's webhook, and our own small schema."""
