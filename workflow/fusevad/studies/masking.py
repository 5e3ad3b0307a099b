"""Masked feature dimensions: part of one stream's embedding is zeroed (paper, Tables 11 to 14).

The paper zeroes a random share of the feature dimensions; the released code masks positions on the
time axis instead. Here: columns of the INPUT embedding, the same in every segment of every test
video, drawn once for a seed and stream. Larger shares include the smaller ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusevad.csv_tables import write_csv
from fusevad.embed.store import Streams
from fusevad.evaluate.metrics import LabelledSegments, LabelledTest
from fusevad.evaluate.scoring import TrainedDetector
from fusevad.studies.settings import MaskingSettings
from fusevad.studies.trained import ChangedStore, LabelledRun, Scored, for_all_seeds, score

CLEAN = "none"
NONE = np.array([], np.intp)
VALUE_COLUMNS = [
    "experiment", "seed", "protocol", "masked", "level", "metric", "subset", "value",
]  # fmt: skip
DIMENSION_COLUMNS = [
    "experiment", "seed", "protocol", "masked", "level", "dimension", "is_masked", "weight_change",
]  # fmt: skip

# Scores that round to 0 or 1 in float32 would make the divergence infinite.
_SMALLEST = 1e-7


@dataclass(frozen=True, slots=True)
class _Row:
    """A setting of one seed and its results."""

    masked: str
    level: float
    dimensions: NDArray[np.intp]
    scored: Scored


def study_masking(
    run: Path,
    manifest: Path,
    intervals: Path,
    streams: Mapping[str, Path],
    settings: MaskingSettings,
    out_csv: Path,
    out_dimensions_csv: Path,
    workers: int,
) -> None:
    """Score the test videos with parts of each stream masked, for all seeds of a run.

    `out_csv`: experiment, seed, protocol, masked (none or a stream), level, metric, subset, value.
    AUC, AP, Brier and KL (of the clean from the masked scores) over all frames; weight_STREAM over
    all frames, the abnormal and the normal ones, for methods that have weights.

    `out_dimensions_csv`: experiment, seed, protocol, masked (a stream), level, dimension,
    is_masked (0|1), weight_change. The change is of the MASKED stream's weight in a latent
    dimension, masked minus clean, averaged over the test segments. The dimension belongs to the
    latent space behind the linear heads; `is_masked` says whether the INPUT dimension with the same
    number was zeroed. The residual encoder keeps the two related, but attention and heads mix all
    dimensions: they are not the same.

    Args:
        run: folder of a finished run, named as its experiment.
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`.
        streams: index of the embeddings of each stream, by role.
        settings: protocol and levels.
        out_csv: table of metrics and weights.
        out_dimensions_csv: table of weights by dimension; only a header for methods without
            weights.
        workers: processes of one thread each, a seed at a time; a GPU takes the seeds in turn.

    Raises:
        FusevadError: weights or embeddings are missing or do not fit each other.
    """
    files = LabelledRun(run, manifest, streams, intervals)
    tables = for_all_seeds(partial(_study, files, settings), run, workers, "masking")
    values, dimensions = (
        pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True)
    )
    write_csv(dimensions, out_dimensions_csv)
    write_csv(values, out_csv)


def masked_dimensions(seed: int, place: int, level: float, dim: int) -> NDArray[np.intp]:
    """Numbers of the zeroed dimensions: `round(level * dim)` of them, ascending.

    Args:
        seed: of the run.
        place: position of the stream among those that its method reads, from 0.
        level: share of the dimensions.
        dim: number of dimensions.
    """
    generator = np.random.default_rng([seed, place])
    return np.sort(generator.permutation(dim)[: round(level * dim)])


def masked_streams(streams: Streams, stream: str, dimensions: NDArray[np.intp]) -> Streams:
    """The streams with some dimensions of one of them zeroed, in all segments and crops."""

    def zero(_video: str, embeddings: Tensor) -> Tensor:
        changed = embeddings.clone()
        changed[..., torch.from_numpy(dimensions)] = 0
        return changed

    return streams.with_store(stream, ChangedStore(streams[stream], zero))


def brier_score(segments: LabelledSegments, scores: NDArray[np.floating]) -> float:
    """Mean squared difference of scores and labels, over all frames of the segments."""
    p = scores.astype(np.float64)
    squares = segments.positive * (1 - p) ** 2 + segments.negative * p**2
    return float(squares.sum() / segments.frames.sum())


def bernoulli_divergence(
    segments: LabelledSegments, clean: NDArray[np.floating], masked: NDArray[np.floating]
) -> float:
    """Mean KL(clean || masked) of Bernoulli distributions in nats, over all frames.

    Scores are clipped to 1e-7 from 0 and 1.
    """
    p, q = (np.clip(x.astype(np.float64), _SMALLEST, 1 - _SMALLEST) for x in (clean, masked))
    divergence = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    return _mean(divergence, segments.frames)


def _mean(values: NDArray[np.floating], frames: NDArray[np.float64]) -> float:
    total = frames.sum()
    return float((values * frames).sum() / total) if total else float("nan")


def _study(
    files: LabelledRun, settings: MaskingSettings, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    torch.set_num_threads(1)
    protocol = settings.protocol
    detector = files.detector(seed, protocol)
    streams, tests = files.open(detector), files.tests()
    test = LabelledTest(files.labelled_tests())
    clean = score(detector, streams, tests)
    values = _values(test, _Row(CLEAN, 0.0, NONE, clean), clean)
    dimensions: list[pd.DataFrame] = []
    for row in _masked_rows(detector, streams, tests, settings.levels, seed):
        values += _values(test, row, clean)
        if row.masked in clean.weights:
            dimensions.append(_weight_changes(row, clean))
    key = {"experiment": files.run.name, "seed": seed, "protocol": protocol}
    return (
        pd.DataFrame([key | value for value in values], columns=VALUE_COLUMNS),
        pd.concat(dimensions).assign(**key)[DIMENSION_COLUMNS]
        if dimensions
        else pd.DataFrame(columns=DIMENSION_COLUMNS),
    )


def _masked_rows(
    detector: TrainedDetector,
    streams: Streams,
    tests: list[str],
    levels: Sequence[float],
    seed: int,
) -> Iterator[_Row]:
    for place, stream in enumerate(detector.model.streams):
        for level in levels:
            if level > 0:
                dimensions = masked_dimensions(seed, place, level, streams[stream].dim)
                masked = masked_streams(streams, stream, dimensions)
                yield _Row(stream, level, dimensions, score(detector, masked, tests))


def _values(test: LabelledTest, row: _Row, clean: Scored) -> list[dict[str, object]]:
    segments = test.segments
    rows, clean_rows = test.pooled(row.scored.segments), test.pooled(clean.segments)
    ranking = test.metrics(rows[:, 0])
    overall = {
        "AUC": ranking["AUC"],
        "AP": ranking["AP"],
        "Brier": brier_score(segments, rows[:, 0]),
        "KL": bernoulli_divergence(segments, clean_rows[:, 0], rows[:, 0]),
    }
    found = [(metric, "all", value) for metric, value in overall.items()]
    kinds = segments.frames, segments.positive, segments.negative
    subsets = dict(zip(("all", "abnormal", "normal"), kinds, strict=True))
    found += [
        (column, subset, _mean(rows[:, place], frames))
        for place, column in enumerate(row.scored.columns)
        if place
        for subset, frames in subsets.items()
    ]
    return [
        {"masked": row.masked, "level": row.level, "metric": m, "subset": s, "value": v}
        for m, s, v in found
    ]


def _weight_changes(row: _Row, clean: Scored) -> pd.DataFrame:
    change = row.scored.weights[row.masked] - clean.weights[row.masked]
    dimensions = np.arange(len(change))
    return pd.DataFrame(
        {
            "masked": row.masked,
            "level": row.level,
            "dimension": dimensions,
            "is_masked": np.isin(dimensions, row.dimensions).astype(int),
            "weight_change": change,
        }
    )
