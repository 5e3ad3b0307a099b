"""Notes under tables: sampling, skipped videos, missing seeds and streams, undefined metrics."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import read_csv
from fusevad.embed.index import videos_without
from fusevad.embed.streams.registry import stream_title
from fusevad.errors import counted
from fusevad.evaluate.settings import VIDEO_AUC
from fusevad.report.runs import TableDataset, TableRow

_IMPORTED_NOTE = (
    "Scores imported: one set of scores that somebody else's detector gave; nothing was trained "
    "here. No epoch was chosen, so all protocols are alike; how its authors chose theirs is not "
    "known. The test takes these scores as fixed: it asks whether the seeds of another method "
    "differ from them."
)


def footnotes(
    rows: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    values: pd.DataFrame,
    protocol: str,
    seeds: Sequence[int],
) -> list[str]:
    """Notes on each data set for readers: sampling, skipped videos, missing seeds."""
    notes = []
    shown = values[values["protocol"] == protocol]
    for dataset in datasets:
        notes.append(f"{dataset.title}: {_sampling(dataset, rows)}; {_skipped(dataset)}.")
        for row in rows:
            own = shown[(shown["dataset"] == dataset.key) & (shown["experiment"] == row.name)]
            notes += _missing_seeds(row, dataset, own, seeds)
        notes += _lacking(rows, dataset)
    if any(row.imported for row in rows):
        notes.append(_IMPORTED_NOTE)
    return notes


def undefined_notes(datasets: Sequence[TableDataset], values: pd.DataFrame) -> list[str]:
    """For each data set, the metrics that are undefined on its test videos.

    Args:
        datasets: columns of a table.
        values: the result of `read_measurements` for them.
    """
    notes = []
    for dataset in datasets:
        found = set(values.loc[values["dataset"] == dataset.key, "metric"])
        missing = [metric for metric in dataset.metrics if found and metric not in found]
        why = (
            "no interval says which frames of the test videos show an anomaly"
            if dataset.metrics[0] == VIDEO_AUC
            else "the test videos with an anomaly show it throughout and have no normal frame"
        )
        if missing:
            notes.append(f"{dataset.title}: {', '.join(missing)} undefined (–), as {why}.")
    return notes


def _sampling(dataset: TableDataset, rows: Sequence[TableRow]) -> str:
    stride = dataset.frame_stride
    frames = "every frame is encoded" if stride == 1 else f"1 frame in {stride} is encoded"
    crops = counted(dataset.crops, "crop")
    if dataset.features:
        return (
            f"imported features ({dataset.features}) of {crops}, numbered by their publisher"
            f"{_scored_on(dataset, rows)}"
        )
    return f"{frames}, {crops} a frame (0 is the centre){_scored_on(dataset, rows)}"


def _scored_on(dataset: TableDataset, rows: Sequence[TableRow]) -> str:
    """The crops of each row; nothing if none was scored here."""
    if not dataset.scored_crops:
        return ""
    others: dict[str, list[str]] = {}
    for row in rows:
        if row.name in dataset.own_crops:
            others.setdefault(_named(dataset.own_crops[row.name]), []).append(row.label)
    apart = "; ".join(f"{', '.join(labels)}: {crops}" for crops, labels in others.items())
    text = f", test videos are scored on {_named(dataset.scored_crops)}"
    return f"{text} ({apart})" if apart else text


def _named(crops: Sequence[int]) -> str:
    return f"crop{'s' if len(crops) > 1 else ''} {', '.join(map(str, crops))}"


def _skipped(dataset: TableDataset) -> str:
    columns = ("video", "path", "reason")
    videos = read_csv(dataset.skipped, [*columns], columns)["video"]
    if videos.empty:
        return "no video was skipped"
    named = ", ".join(videos[:5]) + (", ..." if len(videos) > 5 else "")
    return f"{counted(len(videos), 'bad video')} skipped ({named})"


def _lacking(rows: Sequence[TableRow], dataset: TableDataset) -> list[str]:
    """How many videos lack the streams that rows learn from, such as sound."""
    indices: dict[str, Path] = {}
    for row in rows:
        indices |= row.partial.get(dataset.key, {})
    notes = []
    for role, index in indices.items():
        without, in_part, videos = videos_without(index)
        if without:
            found = f"{without} of {videos} videos have no {stream_title(role)}"
            partly = f", {in_part} have it in part" if in_part else ""
        else:
            found = f"all {videos} videos have {stream_title(role)}"
            partly = f", {in_part} of them in part" if in_part else ""
        notes.append(f"{dataset.title}: {found}{partly}.")
    return notes


def _missing_seeds(
    row: TableRow, dataset: TableDataset, own: pd.DataFrame, seeds: Sequence[int]
) -> list[str]:
    if dataset.key not in row.runs:
        what = "has no scores of" if row.imported else "was not run on"
        return [f"{row.label} {what} {dataset.title}."]
    missing = sorted(set(seeds) - set(own["seed"]))
    if row.imported or not missing:
        return []
    listed = ", ".join(map(str, missing))
    return [
        f"{row.label} on {dataset.title}: seed{'s' if len(missing) > 1 else ''} {listed} missing, "
        f"n = {own['seed'].nunique()}."
    ]
