"""Attacks on the gate: what a model that obeys every injected order can do behind it."""
