"""Health: whether the process lives, is ready, and how each component is."""
