"""Artifacts that DVC keeps: what is recorded, how it is fetched, pushed, believed and thrown away."""
