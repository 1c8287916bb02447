"""Evaluations: cases, how they are run, and what their results say."""
