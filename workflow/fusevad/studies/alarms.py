"""Scores of the normal training videos: the footage that a threshold of alarms is calibrated on.

A seed has learned from nine tenths of them and was told that they are normal, so their scores are
too low for that. Both parts are kept, to show by how much.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusevad.data.manifest import Video, read_manifest
from fusevad.files import atomic_path
from fusevad.studies.settings import NormalScoresSettings
from fusevad.studies.trained import RunFiles, for_all_seeds, score
from fusevad.train.sampling import split_validation, training_videos
from fusevad.video.decode import SEGMENT_FRAMES

HELD_OUT, LEARNED = "held-out", "learned"


def score_normal_videos(
    run: Path,
    manifest: Path,
    streams: Mapping[str, Path],
    settings: NormalScoresSettings,
    out: Path,
    workers: int,
) -> None:
    """Write the scores of a run's seeds on all normal training videos as a Parquet table.

    Columns: seed, part (`held-out` from that seed's training, or `learned`), video, segment, start,
    end (frames), score.

    Args:
        run: folder of a finished run.
        manifest: `manifest.csv` of the data set.
        streams: index of the embeddings of each stream, by role.
        settings: whose weights score.
        out: the table.
        workers: seeds at a time.

    Raises:
        FusevadError: weights or embeddings are missing or do not fit each other.
    """
    files = RunFiles(run, manifest, manifest, streams)
    seed_scores = partial(_score, files, settings.protocol)
    parts = for_all_seeds(seed_scores, run, workers, "scoring normal videos of")
    with atomic_path(out) as temporary:
        pd.concat(parts, ignore_index=True).to_parquet(temporary, index=False)


def _score(files: RunFiles, protocol: str, seed: int) -> pd.DataFrame:
    torch.set_num_threads(1)
    detector = files.detector(seed, protocol)
    videos = read_manifest(files.manifest)
    share = detector.settings.validation_share
    split = split_validation(training_videos(videos), share, seed)
    held_out = {video.name for video in split.validation}
    normal = {v.name: v for v in videos if v.split == "train" and not v.anomalous}
    scored = score(detector, files.open(detector), list(normal))
    return pd.concat(
        [
            _rows(normal[name], values[:, 0]).assign(
                seed=seed, part=HELD_OUT if name in held_out else LEARNED
            )
            for name, values in scored.segments.items()
        ],
        ignore_index=True,
    )


def _rows(video: Video, scores: np.ndarray) -> pd.DataFrame:
    starts = SEGMENT_FRAMES * np.arange(len(scores))
    ends = np.minimum(starts + SEGMENT_FRAMES, video.frames)
    columns = {"segment": np.arange(len(scores)), "start": starts, "end": ends, "score": scores}
    return pd.DataFrame({"video": video.name} | columns)
