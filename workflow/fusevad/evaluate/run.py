"""Evaluation: from the scores of every epoch to metrics under three protocols.

`last` takes the last epoch, `validation` the epoch that held-out training videos choose (by
video-level labels only), `oracle` the best epoch on the test set: the literature's habit, reported
to measure what it adds and never to choose.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from fusevad.config.protocols import PROTOCOLS
from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.errors import FusevadError
from fusevad.evaluate.metrics import class_metrics, frame_metrics
from fusevad.files import atomic_path, read_csv, write_csv
from fusevad.train.seed_run import SCORE_COLUMNS, EpochRecord, best_epoch
from fusevad.video.decode import SEGMENT_FRAMES, segment_count


def evaluate(run: Path, manifest: Path, intervals: Path, headline: str) -> None:
    """Write `seeds.csv`, `classes.csv` and `scores.parquet` beside a run's history.

    Args:
        run: folder with `history.csv` and `epoch-scores.safetensors`.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        headline: metric by which `oracle` chooses: the data set's first (AUC; AP on XD-Violence).
    """
    videos = read_test_videos(manifest, intervals)
    history = read_csv(run / "history.csv", ["seed", "epoch", "validation_auc"])
    by_epoch = _read_scores(run / "epoch-scores.safetensors")
    seeds, classes, scores = [], [], []
    for seed, records in history.groupby("seed"):
        epochs = _split(by_epoch[f"seed-{seed}"], videos, run)
        for protocol, epoch in _chosen_epochs(records, epochs, videos, headline).items():
            key = {"seed": seed, "protocol": protocol}
            segments = epochs[epoch]
            values = {name: part[:, 0] for name, part in segments.items()}
            for metric, value in frame_metrics(videos, values).items():
                seeds.append(key | {"epoch": epoch, "metric": metric, "value": value})
            for name, metrics in class_metrics(videos, values).items():
                classes += [
                    key | {"class": name, "metric": m, "value": v} for m, v in metrics.items()
                ]
            scores += [_score_rows(video, segments[video.name], key) for video in videos]
    write_csv(pd.DataFrame(classes), run / "classes.csv")
    with atomic_path(run / "scores.parquet") as temporary:
        pd.concat(scores, ignore_index=True).to_parquet(temporary, index=False)
    write_csv(pd.DataFrame(seeds), run / "seeds.csv")


def _read_scores(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise FusevadError(f"{path}: unreadable scores ({error}); train this run again") from error


def _split(
    scores: NDArray[np.float32], videos: Sequence[LabelledVideo], run: Path
) -> list[dict[str, NDArray[np.float32]]]:
    """`epochs x segments x 3` to a mapping from video to `segments x 3` for each epoch."""
    borders = np.cumsum([segment_count(len(video.labels)) for video in videos])
    if scores.shape[1] != borders[-1]:
        raise FusevadError(
            f"{run}: scores of {scores.shape[1]} test segments, but the manifest has {borders[-1]};"
            " train this run again"
        )
    names = [video.name for video in videos]
    return [dict(zip(names, np.split(epoch, borders[:-1]), strict=True)) for epoch in scores]


def _chosen_epochs(
    records: pd.DataFrame,
    epochs: Sequence[dict[str, NDArray[np.float32]]],
    videos: Sequence[LabelledVideo],
    headline: str,
) -> dict[str, int]:
    history = [
        EpochRecord(**{str(k): v for k, v in row.items() if k != "seed"})
        for row in records.to_dict("records")
    ]
    on_test = [
        frame_metrics(videos, {name: part[:, 0] for name, part in epoch.items()})[headline]
        for epoch in epochs
    ]
    return dict(
        zip(PROTOCOLS, (len(epochs) - 1, best_epoch(history), int(np.argmax(on_test))), strict=True)
    )


def _score_rows(
    video: LabelledVideo, segments: NDArray[np.float32], key: dict[str, object]
) -> pd.DataFrame:
    index = np.arange(len(segments))
    starts = index * SEGMENT_FRAMES
    ends = np.minimum(starts + SEGMENT_FRAMES, len(video.labels))
    columns = dict(zip(SCORE_COLUMNS, segments.T, strict=True))
    place = {"video": video.name, "segment": index, "start": starts, "end": ends}
    return pd.DataFrame(key | place | columns)
