"""Untrimmed videos with interval labels, spliced from the short clips of surveillance-fight."""
