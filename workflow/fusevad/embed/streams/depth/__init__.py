"""The stream of depth."""
