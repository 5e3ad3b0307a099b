"""The explorer of a configuration's finished runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.data.footage import edges
from fusevad.data.label_tables import Interval
from fusevad.data.manifest import Video, read_manifest
from fusevad.data.truth import read_anomalies
from fusevad.embed.streams.registry import stream_title
from fusevad.errors import FusevadError
from fusevad.evaluate.history import SCORE, WEIGHT
from fusevad.evaluate.settings import AlarmSettings
from fusevad.report.explorer.contents import (
    Floats,
    Page,
    Results,
    ShownDataset,
    ShownMethod,
    ShownVideo,
    VideoScores,
)
from fusevad.report.explorer.films import read_films
from fusevad.report.explorer.page import write_page, write_redirect
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    check_protocol,
    read_class_measurements,
    read_measurements,
    read_scores,
)
from fusevad.video.decode import SEGMENT_FRAMES

_NO_FILM = "No film: this data set came as features, without its videos."
_Nested = dict[str, dict[str, dict[int, float]]]


def make_explorer(
    experiments: tuple[TableRow, ...],
    datasets: tuple[TableDataset, ...],
    protocol: str,
    events: AlarmSettings,
    films: Mapping[str, Path],
    cues: Mapping[str, str],
    first: str,
    out_index: Path,
    out_page: Path,
) -> None:
    """Write the page of finished runs, and the small page `out_index` that leads to it.

    Args:
        experiments: the methods, in order.
        datasets: those with a run of at least one of them are shown.
        protocol: last, validation or oracle.
        events: from scores to events and alarms.
        films: table of the films, by key of the data set.
        cues: what the lower half of the films shows, by key of the data set.
        first: the experiment that is shown first.
        out_index: the page that leads to the page.
        out_page: folder of the page, beside it.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    check_protocol(protocol)
    shown = [
        replace(
            _dataset(dataset, experiments, protocol, films.get(dataset.key)),
            cue=cues.get(dataset.key, ""),
            first=first,
        )
        for dataset in datasets
        if any(dataset.key in row.runs for row in experiments)
    ]
    if not shown:
        raise FusevadError("explorer: no data set has a run of table1; add one there")
    write_page(Page("Scores of test videos", shown, events), out_page)
    write_redirect(out_index, out_page)


def _dataset(
    dataset: TableDataset,
    experiments: Sequence[TableRow],
    protocol: str,
    films: Path | None,
) -> ShownDataset:
    videos = read_manifest(dataset.manifest)
    truth = read_anomalies(dataset.intervals, videos)
    tests = [video for video in videos if video.split == "test"]
    timed = all(video.fps or video.variable_rate for video in tests)
    films_by_video = read_films(films) if films else {}
    known = bool(truth) or not any(video.anomalous for video in tests)
    shown = [
        _video(
            video,
            truth.get(video.name, []) if known else None,
            timed,
            films_by_video.get(video.name),
        )
        for video in tests
    ]
    rows = [row for row in experiments if dataset.key in row.runs]
    return ShownDataset(
        key=dataset.key,
        title=dataset.title,
        videos=shown,
        methods=(_method(row, dataset.key, protocol, shown) for row in rows),
        timed=timed,
        notes=(f"Protocol: {protocol}.",),
        no_film=_NO_FILM,
        results=_results(rows, dataset, protocol),
    )


def _video(
    video: Video, anomalies: Sequence[Interval] | None, timed: bool, film: Path | None
) -> ShownVideo:
    begins = edges(video) if timed else np.arange(video.frames + 1, dtype=np.float64)
    truth = None
    if anomalies is not None:
        truth = tuple((a.label, float(begins[a.start]), float(begins[a.end])) for a in anomalies)
    return ShownVideo(
        name=video.name,
        edges=np.append(begins[:-1:SEGMENT_FRAMES], begins[-1]),
        film=film,
        classes=video.classes,
        truth=truth,
    )


def _method(
    row: TableRow, dataset: str, protocol: str, videos: Sequence[ShownVideo]
) -> ShownMethod:
    scores = read_scores(row.runs[dataset], protocol)
    seeds = tuple(int(seed) for seed in scores["seed"].unique())
    return ShownMethod(row.name, row.label, seeds, _scores(scores, seeds, videos, row))


def _scores(
    scores: pd.DataFrame, seeds: Sequence[int], videos: Sequence[ShownVideo], row: TableRow
) -> Iterator[VideoScores]:
    weights = [name for name in scores if str(name).startswith(WEIGHT)]
    by_video = dict(list(scores.groupby("video", sort=False)))
    for video in videos:
        own = by_video.get(video.name)
        segments = len(video.edges) - 1
        if own is None or len(own) != len(seeds) * segments:
            raise FusevadError(
                f"explorer: {row.label}: {0 if own is None else len(own)} scores of video"
                f" {video.name}, expected {segments} of each of {len(seeds)} seeds; evaluate the"
                " run again"
            )
        yield VideoScores.of_seeds(
            seeds,
            _by_seed(own, SCORE, len(seeds)),
            {
                stream_title(str(name).removeprefix(WEIGHT)): _by_seed(own, name, len(seeds))
                for name in weights
                if own[name].notna().any()
            },
        )


def _by_seed(scores: pd.DataFrame, column: str, seeds: int) -> Floats:
    """Rows that are sorted by seed and segment, as seeds x segments."""
    return scores[column].to_numpy(np.float64).reshape(seeds, -1)


def _results(rows: Sequence[TableRow], dataset: TableDataset, protocol: str) -> Results:
    values = read_measurements(rows, [dataset])
    classes = read_class_measurements(rows, [dataset])
    return Results(
        _nested(values[values["protocol"] == protocol], "metric"),
        dataset.class_metric,
        _nested(classes[classes["protocol"] == protocol], "class"),
    )


def _nested(table: pd.DataFrame, name: str) -> _Nested:
    """Values by experiment, `name` and seed; undefined ones are left out."""
    found: _Nested = {}
    columns = table.dropna(subset=["value"])[["experiment", name, "seed", "value"]]
    for experiment, key, seed, value in columns.itertuples(index=False, name=None):
        found.setdefault(experiment, {}).setdefault(key, {})[int(seed)] = float(value)
    return found
