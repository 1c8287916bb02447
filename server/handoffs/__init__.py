"""Handoffs: conversations that people answer instead of an agent."""
