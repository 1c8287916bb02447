"""Tickets as the agents' tools."""
