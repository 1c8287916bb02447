"""Jobs that time starts."""
