"""Jira, as a copy of our tickets."""
