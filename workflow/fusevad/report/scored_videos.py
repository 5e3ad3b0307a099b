"""The test split of a data set: its ground truth, and the scores of a run in the same order."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import Floats
from fusevad.report.runs import TableDataset, read_scores
from fusevad.video.decode import segment_count


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


def segment_scores(
    run: Path, protocol: str, videos: Sequence[LabelledVideo]
) -> tuple[list[int], Floats]:
    """Seeds, and their scores as seeds x segments in the order of `videos`.

    Raises:
        FusevadError: the scores do not cover exactly the segments of the videos.
    """
    places = {video.name: place for place, video in enumerate(videos)}
    scores = read_scores(run, protocol)
    scores = scores.assign(place=scores["video"].map(places)).sort_values(
        ["seed", "place", "segment"]
    )
    counts = {video.name: segment_count(len(video.labels)) for video in videos}
    expected = np.repeat(np.arange(len(videos)), [*counts.values()])
    seeds, rows = [], []
    for seed, own in scores.groupby("seed"):
        if not np.array_equal(own["place"].to_numpy(), expected):
            found = own["video"].value_counts().to_dict()
            wrong = next(name for name in counts | found if counts.get(name) != found.get(name))
            raise FusevadError(
                f"{run / 'scores.parquet'}: seed {seed} scores {found.get(wrong, 0)} segments of "
                f"video {wrong}, expected {counts.get(wrong, 0)}; evaluate the run again"
            )
        seeds.append(int(str(seed)))
        rows.append(own["score"].to_numpy(dtype=np.float64))
    return seeds, np.stack(rows)


def scores_by_seed(scores: pd.DataFrame, video: str, column: str) -> NDArray[np.floating]:
    """One column of one video as seeds x segments."""
    own = scores[scores["video"] == video]
    return own.pivot(index="seed", columns="segment", values=column).to_numpy()
