"""Ground truth of the test split: which frames of which videos show which anomaly."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.label_tables import Interval, check_intervals, read_intervals, within_videos
from fusevad.data.manifest import Video, frame_labels, read_manifest


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """Ground truth of one test video.

    Attributes:
        name: of the video.
        labels: one boolean a frame.
        intervals: class and half-open `[start, end)` frames of each anomaly.
    """

    name: str
    labels: NDArray[np.bool_]
    intervals: tuple[tuple[str, int, int], ...]


def read_anomalies(path: Path, videos: Sequence[Video]) -> dict[str, list[Interval]]:
    """The anomalies of a manifest's test videos, by video.

    Raises:
        FusevadError: an interval is outside its video, or they contradict the manifest.
    """
    found = read_intervals(path)
    every = [each for spans in found.values() for each in spans]
    check_intervals(path, every, videos)
    within_videos(path, every, {video.name: video.frames for video in videos}, "stop")
    return found


def read_test_videos(manifest: Path, intervals: Path) -> list[LabelledVideo]:
    """Ground truth of the test split, in manifest order."""
    videos = read_manifest(manifest)
    rows = [video for video in videos if video.split == "test"]
    by_video = read_anomalies(intervals, videos)
    result = []
    for row in rows:
        spans = by_video.get(row.name, ())
        anomalies = tuple(
            (label, span.start, span.end) for span in spans for label in span.label.split(";")
        )
        labels = frame_labels(row.frames, spans)
        result.append(LabelledVideo(row.name, labels, anomalies))
    return result
