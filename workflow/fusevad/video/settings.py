"""Sizes for checks of settings; imports nothing heavy."""

SEGMENT_FRAMES = 16
CROP_COUNT = 10
# Frames per second: the fastest of phones record 960, and cameras for slow motion 1,000.
HIGHEST_RATE = 1000
# Seconds that a segment may last: a picture in 37 seconds. Time stamps of others may say centuries,
# which would be hours of footage to calibrate on, and gigabytes of silence.
LONGEST_SEGMENT = 600
# Suffixes of the containers that are read; other files of a folder are left out.
VIDEO_SUFFIXES = (
    ".3gp", ".asf", ".avi", ".dav", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv",
)  # fmt: skip
