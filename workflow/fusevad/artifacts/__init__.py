"""Artifacts that DVC tracks: record, fetch, push, adopt and remove them."""
