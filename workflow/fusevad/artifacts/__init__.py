"""Artifacts that DVC keeps: recorded, fetched, pushed, believed and thrown away."""
