"""Ground truth of the test split: which frames of which videos show which anomaly."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.manifest import frame_labels, read_intervals, read_manifest


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


def read_test_videos(manifest: Path, intervals: Path) -> list[LabelledVideo]:
    """Ground truth of the test split, in manifest order."""
    rows = [video for video in read_manifest(manifest) if video.split == "test"]
    by_video = read_intervals(intervals)
    result = []
    for row in rows:
        spans = by_video.get(row.name, ())
        anomalies = tuple(
            (label, span.start, span.end) for span in spans for label in span.label.split(";")
        )
        labels = frame_labels(row.frames, spans)
        result.append(LabelledVideo(row.name, labels, anomalies))
    return result
