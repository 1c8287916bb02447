"""Telling people: who is told of what, in their language, by the ways that they named."""
