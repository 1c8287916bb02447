"""Accounts: people, their devices and their machines' keys."""
