"""What a detector that tells classes apart finds: events by class, and the classes of videos."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusevad.csv_tables import write_csv
from fusevad.data.label_tables import MEAN, NORMAL
from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.errors import FusevadError
from fusevad.evaluate.events import COUNTINGS, IOUS, ClassedVideo, precisions
from fusevad.evaluate.history import CLASS, SCORE
from fusevad.evaluate.score_table import read_score_table


def localise(run: Path, manifest: Path, intervals: Path, normal_events: bool) -> None:
    """Write `localisation.csv` and `confusion.csv` beside the scores of a run.

    Args:
        run: folder with `scores.parquet`.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        normal_events: see `events.precisions`.

    Raises:
        FusevadError: a file is missing or wrong, the run tells no classes apart, or the intervals
            of the test videos are not known.
    """
    truth = {v.name: v for v in read_test_videos(manifest, intervals, known=True)}
    events: list[dict[str, Any]] = []
    videos: list[dict[str, Any]] = []
    for (seed, protocol), scores in _read(run / "scores.parquet").groupby(["seed", "protocol"]):
        key = {"seed": seed, "protocol": protocol}
        found = dict(list(scores.sort_values("segment").groupby("video")))
        lengths = {name: part["end"].iloc[-1] for name, part in found.items()}
        if lengths != {name: len(video.labels) for name, video in truth.items()}:
            raise FusevadError(
                f"{run / 'scores.parquet'}: not the test videos of {manifest}; train this run again"
            )
        parts = {name: found[name] for name in truth}
        classed = {name: _classed(part, truth[name]) for name, part in parts.items()}
        events += [key | row for row in _precisions(list(classed.values()), normal_events)]
        predicted = {
            name: video_class(parts[name][SCORE].to_numpy(), video.probabilities)
            for name, video in classed.items()
        }
        videos += [key | row for row in _confusion(truth, predicted)]
    write_csv(pd.DataFrame(events), run / "localisation.csv")
    write_csv(pd.DataFrame(videos), run / "confusion.csv")


def video_class(
    scores: NDArray[np.floating], probabilities: Mapping[str, NDArray[np.floating]]
) -> str:
    """The most probable class of a video's `n // 16 + 1` segments with the highest scores."""
    highest = np.argsort(-scores, kind="stable")[: len(scores) // 16 + 1]
    means = {name: float(values[highest].mean()) for name, values in probabilities.items()}
    return max(means, key=means.__getitem__)


def _read(path: Path) -> pd.DataFrame:
    scores = read_score_table(path, "protocol")
    if f"{CLASS}{NORMAL}" not in scores:
        raise FusevadError(
            f"{path}: no probabilities of classes; choose a method that tells classes apart"
        )
    return scores


def _classed(scores: pd.DataFrame, truth: LabelledVideo) -> ClassedVideo:
    edges = np.append(scores["start"].to_numpy(), len(truth.labels))
    names = [name for name in scores if name.startswith(CLASS)]
    probabilities = {name.removeprefix(CLASS): scores[name].to_numpy() for name in names}
    return ClassedVideo(edges, probabilities, truth.intervals)


def _precisions(videos: list[ClassedVideo], normal_events: bool) -> Iterator[dict[str, Any]]:
    for counting in COUNTINGS:
        for iou in IOUS:
            found = precisions(videos, iou, counting, normal_events)
            for name, value in {**found.by_class, MEAN: found.mean}.items():
                yield {"counting": counting, "iou": iou, "class": name, "value": value}


def _confusion(
    truth: Mapping[str, LabelledVideo], predicted: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Videos by true and predicted class; one that shows several counts in equal shares."""
    counts: dict[tuple[str, str], float] = {}
    for name, video in truth.items():
        shown = sorted({label for label, _, _ in video.intervals}) or [NORMAL]
        for label in shown:
            pair = (label, predicted[name])
            counts[pair] = counts.get(pair, 0.0) + 1 / len(shown)
    for (label, guess), videos in sorted(counts.items()):
        yield {"class": label, "predicted": guess, "videos": videos}
