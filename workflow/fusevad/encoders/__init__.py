"""Models that turn pictures into vectors, and their weights."""
