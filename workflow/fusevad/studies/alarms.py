"""Scores of normal videos: the footage that a threshold of alarms is calibrated on.

Of the normal training videos a seed has learned from nine tenths and was told that they are normal,
so their scores are too low for that. Both parts are kept, to show by how much. Other footage of the
same scenes is a data set of its own, which no seed has seen. Of another data set, the test videos
are scored as well: what alarms are worth there.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusevad.data.manifest import Video, read_manifest
from fusevad.errors import FusevadError
from fusevad.files import atomic_path
from fusevad.studies.settings import (
    FOOTAGE,
    HELD_OUT,
    LEARNED,
    TEST,
    UNSEEN,
    NormalScoresSettings,
)
from fusevad.studies.trained import RunFiles, for_all_seeds, on_crops, score
from fusevad.train.sampling import split_validation, training_videos
from fusevad.video.decode import SEGMENT_FRAMES


def score_normal_videos(
    run: Path,
    manifest: Path,
    streams: Mapping[str, Path],
    settings: NormalScoresSettings,
    out: Path,
    workers: int,
) -> None:
    """Write the scores of a run's seeds on normal videos as a Parquet table.

    Columns: seed, part (`held-out` from that seed's training, `learned`, or `footage`; of another
    data set `unseen`, its normal training videos, and `test`), video, segment, start, end (frames),
    score.

    Args:
        run: folder of a finished run.
        manifest: `manifest.csv` of the data set that it learned from, of other footage, or of
            another data set.
        streams: index of the embeddings of each stream, by role.
        settings: whose weights score, and which of the three it is.
        out: the table.
        workers: seeds at a time.

    Raises:
        FusevadError: weights or embeddings are missing or do not fit each other, or other footage
            has a video that is not normal.
    """
    files = RunFiles(run, manifest, streams)
    seed_scores = partial(_score, files, settings)
    parts = for_all_seeds(seed_scores, run, workers, "scoring normal videos of")
    with atomic_path(out) as temporary:
        pd.concat(parts, ignore_index=True).to_parquet(temporary, index=False)


def _score(files: RunFiles, settings: NormalScoresSettings, seed: int) -> pd.DataFrame:
    torch.set_num_threads(1)
    detector = on_crops(files.detector(seed, settings.protocol), settings.test_crops)
    videos = read_manifest(files.manifest)
    match settings.videos:
        case "training":
            parts = _of_training(videos, detector.settings.validation_share, seed)
        case "footage":
            parts = _of_footage(files.manifest, videos)
        case "other":
            parts = _of_other(videos)
    lengths = {video.name: video for video in videos}
    scored = score(detector, files.open(detector), list(parts))
    return pd.concat(
        [
            _rows(lengths[name], values[:, 0]).assign(seed=seed, part=parts[name])
            for name, values in scored.segments.items()
        ],
        ignore_index=True,
    )


def _of_training(videos: Sequence[Video], share: float, seed: int) -> dict[str, str]:
    """The part of each normal training video."""
    split = split_validation(training_videos(videos), share, seed)
    held_out = {video.name for video in split.validation}
    normal = [v.name for v in videos if v.split == "train" and not v.anomalous]
    return {name: HELD_OUT if name in held_out else LEARNED for name in normal}


def _of_footage(manifest: Path, videos: Sequence[Video]) -> dict[str, str]:
    for video in videos:
        if video.anomalous:
            raise FusevadError(
                f"{manifest}: video {video.name} is not normal; footage that certifies alarms must"
                " be: leave it out, or name another data set under studies.footage"
            )
    return {video.name: FOOTAGE for video in videos}


def _of_other(videos: Sequence[Video]) -> dict[str, str]:
    """The test videos and the normal training videos of a data set that no seed has seen."""
    return {
        video.name: TEST if video.split == "test" else UNSEEN
        for video in videos
        if video.split == "test" or not video.anomalous
    }


def _rows(video: Video, scores: np.ndarray) -> pd.DataFrame:
    starts = SEGMENT_FRAMES * np.arange(len(scores))
    ends = np.minimum(starts + SEGMENT_FRAMES, video.frames)
    columns = {"segment": np.arange(len(scores)), "start": starts, "end": ends, "score": scores}
    return pd.DataFrame({"video": video.name} | columns)
