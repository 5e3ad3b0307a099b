"""Scores of other people's detectors, brought into the form of a run."""
