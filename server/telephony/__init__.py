"""Calls that the telephony tells of."""
