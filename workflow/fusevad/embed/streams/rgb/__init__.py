"""The stream of RGB frames."""
