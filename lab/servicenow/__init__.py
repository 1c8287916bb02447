"""A ServiceNow that never was: its Table API over a world in memory, with faults."""
