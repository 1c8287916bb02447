"""Approvals: what waits for a person, and their word on it."""
