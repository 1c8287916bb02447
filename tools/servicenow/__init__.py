"""ServiceNow, as a copy of our tickets."""
