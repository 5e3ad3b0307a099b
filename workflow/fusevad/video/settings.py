"""Sizes for checks of settings; imports nothing heavy."""

SEGMENT_FRAMES = 16
CROP_COUNT = 10
# Frames per second: the fastest of phones record 960, and cameras for slow motion 1,000.
HIGHEST_RATE = 1000
