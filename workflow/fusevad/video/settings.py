"""Sizes that settings are checked against; imports nothing heavy."""

SEGMENT_FRAMES = 16
CROP_COUNT = 10
