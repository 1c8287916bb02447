"""Incidents and silences: what people see of them, and what they do with them."""
