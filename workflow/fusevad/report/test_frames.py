"""Ground truth of the test videos, and scores brought to the same frames."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import frame_scores
from fusevad.report.runs import TableDataset, read_scores


def test_videos(dataset: TableDataset) -> list[LabelledVideo]:
    """The test videos of a data set, in the manifest's order."""
    return read_test_videos(dataset.manifest, dataset.intervals)


def class_video_counts(dataset: TableDataset) -> dict[str, int]:
    """Number of test videos that show each anomaly class."""
    counts: dict[str, int] = {}
    for video in test_videos(dataset):
        for name in {name for name, _, _ in video.intervals}:
            counts[name] = counts.get(name, 0) + 1
    return counts


def pooled_frame_scores(
    run: Path, protocol: str, videos: Sequence[LabelledVideo]
) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """For each seed the scores of all frames of `videos`, one after the other.

    Raises:
        FusevadError: the scores do not cover exactly the frames of the videos.
    """
    for seed, own in read_scores(run, protocol).groupby("seed"):
        segments = {str(name): part["score"].to_numpy() for name, part in own.groupby("video")}
        _check_videos(segments, videos, run)
        parts = [frame_scores(segments[v.name], len(v.labels), v.name) for v in videos]
        yield int(str(seed)), np.concatenate(parts)


def scores_by_seed(scores: pd.DataFrame, video: str, column: str) -> NDArray[np.floating]:
    """One column of one video as seeds x segments."""
    own = scores[scores["video"] == video]
    return own.pivot(index="seed", columns="segment", values=column).to_numpy()


def _check_videos(
    segments: dict[str, NDArray[np.floating]], videos: Sequence[LabelledVideo], run: Path
) -> None:
    missing = [video.name for video in videos if video.name not in segments]
    if missing:
        raise FusevadError(
            f"{run / 'scores.parquet'}: no scores of video {missing[0]}; evaluate the run again"
        )
