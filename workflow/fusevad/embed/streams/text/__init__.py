"""The stream of captions."""
