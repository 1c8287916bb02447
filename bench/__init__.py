"""Benchmarks: each module has `run() -> dict` with its figures; `make bench` prints them all."""
