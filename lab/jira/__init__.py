"""A Jira that never was: its wire protocol over a world in memory, with faults."""
