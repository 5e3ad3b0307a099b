"""Scores of other people's detectors, judged as a run is: one set of scores, no epoch to choose."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.errors import notice
from fusevad.evaluate.history import SCORE
from fusevad.evaluate.imported.reading import (
    Floats,
    GivenScores,
    by_frame,
    read_scores,
    transformed,
)
from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.evaluate.metrics import LabelledTest
from fusevad.evaluate.run import check_defined, score_rows, write_run
from fusevad.files import sha256
from fusevad.video.decode import SEGMENT_FRAMES

SEED = 0


def import_scores(
    place: Path,
    manifest: Path,
    intervals: Path,
    settings: ScoreSettings,
    main_metric: str,
    out_folder: Path,
) -> None:
    """Write `seeds.csv`, `classes.csv` and `scores.parquet` as `evaluate` does, and `sources.csv`.

    There is one seed, 0, and the three protocols have the same values: no epoch was chosen.
    Metrics are of the given scores of single frames, as no transform changes their order but for
    rounding. `scores.parquet` has the mean of each segment of 16
    frames, as the figures and tests read it. `sources.csv` has a row a video: its file, the file's
    SHA-256, the number of scores and of frames. Whether scores are of normality and not of anomaly
    cannot be told from them.

    Args:
        place: folder with a file a video, or one file with the scores of all.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        settings: what the numbers are.
        main_metric: the data set's first metric, which must be defined.
        out_folder: the run's folder.

    Raises:
        FusevadError: see `read_scores` and `transformed`; or the test split does not define
            `main_metric`.
    """
    videos = read_test_videos(manifest, intervals)
    test = LabelledTest(videos, unit=1)
    check_defined(test, main_metric, manifest)
    given = read_scores(place, videos, settings)
    raw = {v.name: by_frame(given[v.name].values, len(v.labels), settings) for v in videos}
    scores = transformed(raw, place, settings)
    pooled = np.concatenate([raw[video.name] for video in videos])
    segments = np.concatenate([_by_segment(scores[video.name]) for video in videos])
    _say_if_finer(place, test, pooled, LabelledTest(videos), segments, main_metric)
    seeds = [(metric, value) for metric, value in test.metrics(pooled).items()]
    classes = [
        (name, metric, value)
        for name, metrics in test.class_metrics(pooled).items()
        for metric, value in metrics.items()
    ]
    write_csv(_sources(videos, given), out_folder / "sources.csv")
    write_run(
        out_folder,
        _each_protocol(pd.DataFrame(seeds, columns=["metric", "value"]), epoch=0),
        _each_protocol(pd.DataFrame(classes, columns=["class", "metric", "value"])),
        [
            score_rows(videos, [SCORE], segments[:, None], {"seed": SEED, "protocol": protocol})
            for protocol in PROTOCOLS
        ],
    )


def _sources(videos: Sequence[LabelledVideo], given: Mapping[str, GivenScores]) -> pd.DataFrame:
    """Where the scores of each video come from."""
    hashes = {file: sha256(file) for file in {each.file for each in given.values()}}
    rows = [
        (video.name, source.file, hashes[source.file], len(source.values), len(video.labels))
        for video in videos
        for source in [given[video.name]]
    ]
    return pd.DataFrame(rows, columns=["video", "file", "sha256", "scores", "frames"])


def _each_protocol(table: pd.DataFrame, **more: int) -> pd.DataFrame:
    """The rows of a table for each protocol, with the columns that `evaluate` writes."""
    parts = [table.assign(seed=SEED, protocol=protocol, **more) for protocol in PROTOCOLS]
    first = ["seed", "protocol", *more]
    return pd.concat(parts, ignore_index=True)[[*first, *table.columns]]


def _by_segment(scores: Floats) -> Floats:
    """Mean score of each segment; the score itself where all frames have it."""
    starts = np.arange(0, len(scores), SEGMENT_FRAMES)
    counts = np.diff(np.append(starts, len(scores)))
    lowest, highest = np.minimum.reduceat(scores, starts), np.maximum.reduceat(scores, starts)
    return np.where(lowest == highest, lowest, np.add.reduceat(scores, starts) / counts)


def _say_if_finer(
    place: Path,
    by_frames: LabelledTest,
    frames: Floats,
    by_segments: LabelledTest,
    segments: Floats,
    metric: str,
) -> None:
    """Say how far the means of segments are from the scores of frames, where they differ."""
    exact, rough = by_frames.metric(metric, frames), by_segments.metric(metric, segments)
    if exact != rough:
        notice(
            f"{place}: {metric} is {100 * exact:.2f} % by the scores of frames, in all tables, and"
            f" {100 * rough:.2f} % by scores.parquet, with the mean of each segment of"
            f" {SEGMENT_FRAMES} frames"
        )
