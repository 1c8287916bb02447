"""Jobs that time starts: each fire runs once, whichever process takes it."""
