"""Tickets: what people ask for, who looks after it, and by when."""
