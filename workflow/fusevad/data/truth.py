"""Ground truth of the test split: which frames of which videos show which anomaly."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.label_tables import Interval, check_intervals, read_intervals, within_videos
from fusevad.data.manifest import Video, frame_labels, read_manifest
from fusevad.errors import FusevadError


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


def read_anomalies(
    path: Path, videos: Sequence[Video], *, known: bool = False
) -> dict[str, list[Interval]]:
    """The anomalies of a manifest's test videos, by video.

    Args:
        path: `intervals.csv` of the data set.
        videos: of the manifest.
        known: whether frames are judged, so that anomalous test videos need intervals.

    Raises:
        FusevadError: an interval is outside its video, or they contradict the manifest; or none is
            known.
    """
    found = read_intervals(path)
    if known and not found and any(v.anomalous and v.split == "test" for v in videos):
        raise FusevadError(
            f"{path}: no intervals of the anomalous test videos, so no alarm, event or frame can be"
            " judged; add intervals"
        )
    every = [each for spans in found.values() for each in spans]
    check_intervals(path, every, videos)
    within_videos(path, every, {video.name: video.frames for video in videos}, "stop")
    return found


def read_test_videos(
    manifest: Path, intervals: Path, *, known: bool = False
) -> list[LabelledVideo]:
    """Ground truth of the test split, in manifest order; see `read_anomalies`."""
    videos = read_manifest(manifest)
    rows = [video for video in videos if video.split == "test"]
    by_video = read_anomalies(intervals, videos, known=known)
    result = []
    for row in rows:
        spans = by_video.get(row.name, ())
        anomalies = tuple(
            (label, span.start, span.end) for span in spans for label in span.label.split(";")
        )
        labels = frame_labels(row.frames, spans)
        result.append(LabelledVideo(row.name, labels, anomalies))
    return result
