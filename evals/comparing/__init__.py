"""The statistics of a comparison: what is chance, and what is not."""
