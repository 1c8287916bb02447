"""Metrics: of ourselves for Prometheus, and of the company's systems over time."""
