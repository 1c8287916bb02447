"""The `naryad` command."""
