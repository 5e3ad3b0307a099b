"""Inputs of the report: data sets, the rows of a table, and their runs, read and checked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import pandas as pd
from safetensors import SafetensorError

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import read_csv
from fusevad.errors import FusevadError
from fusevad.evaluate.score_table import read_score_table
from fusevad.tensor_files import open_tensors

_NO_RUN = "tables: no experiment has a run on a configured data set; add one"


@dataclass(frozen=True, slots=True)
class TableDataset:
    """One configured data set in the report's form.

    Attributes:
        key: name in the configuration and in the paths, e.g. `ucf-crime`.
        title: name for readers.
        metrics: the data set's columns in Table 1, of AUC, AP, Ano-AUC, Ano-AP; the first is its
            main metric.
        manifest, intervals, skipped: the CSVs of the data stage.
        crops: crops a frame.
        scored_crops: numbers of the crops whose scores are averaged on test videos; none if no
            row of the table was scored here.
        frame_stride: every n-th frame is encoded.
        class_metric: AUC or AP, for the per-class table and the radar figure.
        features: layout of features that others extracted; empty if they are extracted here.
        own_crops: likewise for the rows that are scored on other crops, by experiment.
        source: key of the data set whose videos these are, for finding published numbers; by
            default `key`.
    """

    key: str
    title: str
    metrics: tuple[str, ...]
    manifest: Path
    intervals: Path
    skipped: Path
    crops: int
    frame_stride: int
    scored_crops: tuple[int, ...] = (0,)
    class_metric: str = "AUC"
    features: str = ""
    source: str = ""
    own_crops: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", self.key)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One measured row.

    Attributes:
        label: for readers, e.g. `IEF-VAD (Student-t)`.
        name: the experiment, e.g. `student-t`.
        runs: the experiment's run folder, by key of the data set.
        imported: whether somebody else's detector gave the scores.
        partial: indices of the streams that it learns from and that videos may lack, by data set,
            and then by the stream's role.
        pictured: whether it reads pictures to score a video, and not sound alone.
    """

    label: str
    name: str
    runs: Mapping[str, Path]
    imported: bool = False
    partial: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    pictured: bool = True


def fixed(rows: Iterable[TableRow]) -> list[str]:
    """Experiments with one set of scores, which no seed changes."""
    return [row.name for row in rows if row.imported]


def blocks(experiments: pd.Series, rows: Iterable[TableRow]) -> pd.Series:
    """Block of a tidy table for each experiment: `measured`, or `imported`."""
    return experiments.isin(fixed(rows)).map({True: "imported", False: "measured"})


def check_protocol(protocol: str) -> None:
    """Raise `FusevadError` unless `protocol` is known."""
    if protocol not in PROTOCOLS:
        raise FusevadError(
            f"protocol {protocol!r}: not known; choose one of {', '.join(PROTOCOLS)}"
        )


def read_measurements(rows: Sequence[TableRow], datasets: Sequence[TableDataset]) -> pd.DataFrame:
    """All values of the data sets' metrics.

    Columns: experiment, dataset, metric, protocol, seed, value, and the epoch that was chosen.
    Values are fractions. Experiments without a run on a data set have no rows there; nor has a
    metric that is undefined on the data set's test videos (see `undefined_notes`).

    Raises:
        FusevadError: a file is missing, a value is outside [0, 1] or is given twice, or a run lacks
            a metric that the table shows.
    """
    parts = []
    for dataset in datasets:
        for row in _with_run(rows, dataset):
            path = row.runs[dataset.key] / "seeds.csv"
            table = _read_values(path, ["seed", "protocol", "metric"], "epoch")
            for metric in dataset.metrics:
                if metric not in set(table["metric"]):
                    raise FusevadError(f"{path}: no metric {metric}; evaluate the run again")
            # A metric that is undefined on these test videos has no value in any seed or protocol.
            defined = table.groupby("metric")["value"].transform("count") > 0
            wanted = table[table["metric"].isin(dataset.metrics) & defined]
            if wanted["value"].isna().any() or dataset.metrics[0] not in set(wanted["metric"]):
                raise FusevadError(f"{path}: an empty value; evaluate the run again")
            parts.append(wanted.assign(dataset=dataset.key, experiment=row.name))
    columns = ["experiment", "dataset", "metric", "protocol", "seed", "value", "epoch"]
    return _joined(parts, columns)


def read_class_measurements(
    rows: Sequence[TableRow], datasets: Sequence[TableDataset]
) -> pd.DataFrame:
    """Values by class: experiment, dataset, class, metric, protocol, seed, value (fractions).

    Only each data set's `class_metric`. A value is NaN if a class has frames of only one kind.

    Raises:
        FusevadError: as `read_measurements`.
    """
    parts = []
    for dataset in datasets:
        for row in _with_run(rows, dataset):
            path = row.runs[dataset.key] / "classes.csv"
            table = _read_values(path, ["seed", "protocol", "class", "metric"])
            wanted = table[table["metric"] == dataset.class_metric]
            if wanted.empty and not table.empty:  # without intervals no class has a value
                raise FusevadError(
                    f"{path}: no metric {dataset.class_metric}; evaluate the run again"
                )
            parts.append(wanted.assign(dataset=dataset.key, experiment=row.name))
    return _joined(parts, ["experiment", "dataset", "class", "metric", "protocol", "seed", "value"])


def read_event_measurements(
    rows: Sequence[TableRow], datasets: Sequence[TableDataset]
) -> pd.DataFrame:
    """Precisions of events: experiment, dataset, counting, iou, class, protocol, seed, value.

    Values are fractions, `iou` is a text. The class `mean` is of none.

    Raises:
        FusevadError: as `read_measurements`.
    """
    keys = ["seed", "protocol", "counting", "iou", "class"]
    parts = []
    for dataset in datasets:
        for row in _with_run(rows, dataset):
            table = _read_values(row.runs[dataset.key] / "localisation.csv", keys)
            parts.append(table.assign(dataset=dataset.key, experiment=row.name))
    return _joined(parts, ["experiment", "dataset", *keys, "value"])


def read_scores(run: Path, protocol: str) -> pd.DataFrame:
    """The segment scores of one protocol, sorted by seed, video and segment.

    Columns: seed, video, segment, start, end (frames), score, and weight_STREAM for each stream
    that the method weights.
    """
    scores = read_score_table(run / "scores.parquet", "protocol", protocol)
    if scores.empty:
        raise FusevadError(
            f"{run / 'scores.parquet'}: no scores under protocol {protocol}; train it again"
        )
    return scores.drop(columns="protocol").sort_values(
        ["seed", "video", "segment"], ignore_index=True
    )


def count_parameters(run: Path, seed: int) -> int:
    """Number of parameters that a run's detector learned.

    Raises:
        FusevadError: the weights are missing or damaged.
    """
    path = run / "weights" / f"seed-{seed}-last.safetensors"
    try:
        with open_tensors(path) as file:
            return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise FusevadError(f"{path}: unreadable weights ({error}); train this run again") from error


def with_runs(datasets: Sequence[TableDataset], rows: Sequence[TableRow]) -> list[TableDataset]:
    """The data sets on which at least one row has a run: of the others nothing can be drawn.

    Raises:
        FusevadError: there is none.
    """
    found = [dataset for dataset in datasets if _with_run(rows, dataset)]
    if not found:
        raise FusevadError(_NO_RUN)
    return found


def _with_run(rows: Sequence[TableRow], dataset: TableDataset) -> list[TableRow]:
    return [row for row in rows if dataset.key in row.runs]


def _read_values(path: Path, keys: list[str], *beside: str) -> pd.DataFrame:
    text = tuple(key for key in keys if key != "seed")
    table = read_csv(path, [*keys, "value", *beside], text=text)
    if table.duplicated(keys).any():
        raise FusevadError(f"{path}: a value is given twice; evaluate the run again")
    if not table["value"].dropna().between(0, 1).all():
        raise FusevadError(f"{path}: a value is outside 0..1; evaluate the run again")
    return table


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    if not parts:
        raise FusevadError(_NO_RUN)
    return pd.concat(parts, ignore_index=True)[columns]
