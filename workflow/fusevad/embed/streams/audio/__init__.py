"""The stream of sound."""
