"""Sizes for checks of settings; imports nothing heavy."""

SEGMENT_FRAMES = 16
CROP_COUNT = 10
