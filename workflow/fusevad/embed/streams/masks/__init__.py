"""The stream of masks."""
