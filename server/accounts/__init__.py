"""Accounts over HTTP: registering, signing in, one's own account, and what administrators change."""
