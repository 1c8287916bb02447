"""The database: models by area, sessions and migrations."""
