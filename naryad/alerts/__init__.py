"""Alerts: accepted, silenced, correlated into incidents, watched over; `rules` says how."""
