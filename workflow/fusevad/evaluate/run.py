"""Evaluation: from the scores of every epoch to metrics under three protocols.

`last` takes the last epoch, `validation` the epoch that held-out training videos choose (by
video-level labels only), `oracle` the best epoch on the test set: the literature's habit, reported
to measure what it adds, never to choose.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError

from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.errors import FusevadError
from fusevad.evaluate.history import COLUMNS, EpochRecord, best_epoch, check_scores
from fusevad.evaluate.metrics import LabelledTest
from fusevad.evaluate.settings import VIDEO_AUC
from fusevad.files import atomic_path
from fusevad.tensor_files import open_tensors
from fusevad.video.decode import SEGMENT_FRAMES


def evaluate(run: Path, manifest: Path, intervals: Path, main_metric: str) -> None:
    """Write `seeds.csv`, `classes.csv` and `scores.parquet` beside a run's history.

    Args:
        run: folder with `history.csv` and `epoch-scores.safetensors`.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        main_metric: metric by which `oracle` chooses: the data set's first (AP on XD-Violence).
            `Video-AUC` is of held-out training videos: then there is no `oracle`, and frames need
            no ground truth.

    Raises:
        FusevadError: a file is missing or wrong, or the test split does not define `main_metric`.
    """
    test = LabelledTest(read_test_videos(manifest, intervals))
    if main_metric != VIDEO_AUC:
        check_defined(test, main_metric, manifest)
    history = read_csv(run / "history.csv", ["seed", "epoch", "validation_auc", "validation_loss"])
    columns, by_epoch = _read_scores(run / "epoch-scores.safetensors", len(test.segments.video))
    if lacking := by_epoch.keys() - {f"seed-{seed}" for seed in history["seed"]}:
        raise FusevadError(f"{run / 'history.csv'}: no {min(lacking)}; train this run again")
    seeds, classes, scores = [], [], []
    for seed, records in history.groupby("seed"):
        epochs = by_epoch.get(f"seed-{seed}", np.empty((0, 0, 0)))
        history_of_seed = _history(run, seed, records, len(epochs))
        for protocol, epoch in _chosen_epochs(history_of_seed, epochs, test, main_metric).items():
            key = {"seed": seed, "protocol": protocol}
            values = epochs[epoch][:, 0]
            held_out = history_of_seed[epoch].validation_auc
            own = {VIDEO_AUC: held_out} if main_metric == VIDEO_AUC else {}
            for metric, value in (own | test.metrics(values)).items():
                seeds.append(key | {"epoch": epoch, "metric": metric, "value": value})
            for name, metrics in test.class_metrics(values).items():
                classes += [
                    key | {"class": name, "metric": m, "value": v} for m, v in metrics.items()
                ]
            scores.append(score_rows(test.videos, columns, epochs[epoch], key))
    by_class = pd.DataFrame(classes, columns=["seed", "protocol", "class", "metric", "value"])
    write_run(run, pd.DataFrame(seeds), by_class, scores)


def check_defined(test: LabelledTest, main_metric: str, manifest: Path) -> None:
    """Raise `FusevadError` if the test split does not define the main metric."""
    if not test.defines(main_metric):
        raise FusevadError(
            f"{manifest}: {main_metric}, the main metric of the data set, is undefined: the test "
            "videos for it have only anomalous or only normal frames; correct the intervals, or "
            "name another metric first"
        )


def write_run(
    run: Path, seeds: pd.DataFrame, classes: pd.DataFrame, scores: Sequence[pd.DataFrame]
) -> None:
    """Write a run's metrics and scores; `seeds.csv`, last, says that all are there."""
    write_csv(classes, run / "classes.csv")
    with atomic_path(run / "scores.parquet") as temporary:
        pd.concat(scores, ignore_index=True).to_parquet(temporary, index=False)
    write_csv(seeds, run / "seeds.csv")


def _read_scores(path: Path, segments: int) -> tuple[list[str], dict[str, NDArray[np.float32]]]:
    """Names of the columns, and `epochs x segments x columns` of each seed."""
    try:
        with open_tensors(path) as file:
            columns = file.metadata()[COLUMNS].split(",")
            scores = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise FusevadError(f"{path}: unreadable scores ({error}); train this run again") from error
    for name, of_seed in scores.items():
        check_scores(f"{path}: {name}", of_seed, columns)
        if of_seed.shape[1] != segments:
            raise FusevadError(
                f"{path.parent}: scores of {of_seed.shape[1]} test segments, but the manifest has "
                f"{segments}; train this run again"
            )
    return columns, scores


def _history(run: Path, seed: object, records: pd.DataFrame, epochs: int) -> list[EpochRecord]:
    """A seed's record of each of its epochs.

    Raises:
        FusevadError: they are not of so many epochs, or impossible.
    """
    wrong = f"{run / 'history.csv'}: seed {seed}"
    try:
        history = [EpochRecord.from_row(row) for row in records.to_dict("records")]
    except (ValueError, TypeError) as error:
        raise FusevadError(f"{wrong}: {error}; train this run again") from error
    if not history or [each.epoch for each in history] != [*range(epochs)]:
        raise FusevadError(
            f"{wrong}: {len(history)} epochs, but scores of {epochs}, or not in order; train this"
            " run again"
        )
    if all(each.warm_up for each in history):
        raise FusevadError(f"{wrong}: no epoch after the warm-up; train this run again")
    return history


def _chosen_epochs(
    history: Sequence[EpochRecord],
    epochs: NDArray[np.float32],
    test: LabelledTest,
    main_metric: str,
) -> dict[str, int]:
    chosen = {"last": len(epochs) - 1, "validation": best_epoch(history)}
    if main_metric == VIDEO_AUC:
        return chosen
    on_test = {
        record.epoch: test.metric(main_metric, epochs[record.epoch][:, 0])
        for record in history
        if not record.warm_up
    }
    return chosen | {"oracle": max(on_test, key=lambda epoch: on_test[epoch])}


def score_rows(
    videos: Sequence[LabelledVideo],
    columns: Sequence[str],
    segments: NDArray[np.float32],
    key: dict[str, object],
) -> pd.DataFrame:
    """Rows of `scores.parquet`, from `segments x columns`; `key` is the same in all."""
    frames = np.array([len(video.labels) for video in videos])
    counts = -(-frames // SEGMENT_FRAMES)
    index = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    starts = index * SEGMENT_FRAMES
    ends = np.minimum(starts + SEGMENT_FRAMES, np.repeat(frames, counts))
    names = np.repeat(np.array([video.name for video in videos], dtype=object), counts)
    place = {"video": names, "segment": index, "start": starts, "end": ends}
    return pd.DataFrame(key | place | dict(zip(columns, segments.T, strict=True)))
