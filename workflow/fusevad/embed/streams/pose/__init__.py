"""The stream of pose."""
