"""`fusevad init-dataset`: configure a data set of people's own videos."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fusevad.config.names import check_name, configuration_name
from fusevad.data.label_tables import (
    INTERVAL_COLUMNS,
    Interval,
    check_intervals,
    read_intervals,
    read_labels,
    within_videos,
)
from fusevad.data.names import listed_name
from fusevad.data.own.found import Found, find_labelled
from fusevad.data.own.split import Split, split_by_source
from fusevad.errors import FusevadError
from fusevad.files import write_csv, write_text
from fusevad.parallel import in_processes
from fusevad.printable import check_printable
from fusevad.video.decode import VideoInfo, probe

_VIDEOS_A_SHARD, _MOST_SHARDS = 50, 32
_WRITTEN = "# Written by fusevad init-dataset"
_DATASET = """\
# yaml-language-server: $schema=../../workflow/schemas/datasets.schema.json
{written}; edit it as you like (docs/datasets.md).
title: {title}
metrics: [{metrics}] # columns of Table 1
crops: [0, 5] # of 224x224: the centre and its mirror image; 1-4 and 6-9 are the corners
frame_stride: 16 # one frame a segment; 1 encodes every frame, at sixteen times the cost
shards: {shards} # jobs that cues and embeddings are spread over
hyperparameters: rendered # a file of config/hyperparameters/; this one suits small data sets

own:
  labels: {labels}
  intervals: {intervals}
"""
_CONFIG = """\
# yaml-language-server: $schema=../workflow/schemas/config.schema.json
{written}. Lay it over config.yaml.
datasets: [{name}]
"""


@dataclass(frozen=True, slots=True)
class Configured:
    """What `init_dataset` found and wrote.

    Attributes:
        configuration: file for snakemake's `--configfile`.
        labels: the table of videos and their split.
        videos: with the facts from decoding each.
        bad: why each of the other videos can't be decoded.
        split: which videos test.
        intervals: of test videos.
        unused: number of intervals of training videos, which are not used.
    """

    configuration: Path
    labels: Path
    videos: tuple[tuple[Found, VideoInfo], ...]
    bad: tuple[str, ...]
    split: Split
    intervals: tuple[Interval, ...]
    unused: int


def init_dataset(
    place: Path, name: str, config: Path, intervals: Path | None, workers: int, force: bool
) -> Configured:
    """Find the labelled videos of a place, decode each, propose a split, and write all files.

    Writes `datasets/NAME.yaml`, `datasets/NAME/labels.csv` and `intervals.csv`, and `NAME.yaml`
    into `config`.

    Args:
        place: a folder or a table, see `find_labelled`.
        name: of the data set.
        config: the folder `config/`.
        intervals: table of anomalies, see `read_intervals`; a video is named by its path, relative
            as in the table of labels or in the folder, or by its name.
        workers: number of decoding processes.
        force: whether files of that name that it wrote before may be replaced.

    Raises:
        FusevadError: one line: the name is invalid or in use, the videos or the intervals are
            wrong or too few, or none decodes.
    """
    check_name(name, "data set", "--name")
    check_printable(name, "--name")
    configuration = config / f"{name}.yaml"
    configuration_name([configuration], {})
    dataset, folder = config / "datasets" / f"{name}.yaml", config / "datasets" / name
    if not config.is_dir():
        raise FusevadError(f"{config}/: no such folder; run the command in the repository")
    for file in (dataset, configuration):
        _check_free(file, force)
    found = find_labelled(place)
    spans = _named_intervals(intervals, found) if intervals else {}
    videos, bad = _decoded(found, workers)
    usable = [video for video, _ in videos]
    if not usable:
        raise FusevadError(f"{place}: none of its videos can be decoded; see {bad[0]}")
    split = split_by_source(usable, _testable(usable, spans))
    used = [each for video in sorted(split.test) for each in spans.get(video, ())]
    unused = sum(len(own) for video, own in spans.items() if video not in split.test)
    labels = folder / "labels.csv"
    _write_tables(folder, usable, split, used)
    if intervals:
        check_intervals(intervals, used, read_labels(labels))
        frames = {video.name: info.frames for video, info in videos}
        within_videos(intervals, used, frames, "stop")
    text = _DATASET.format(
        written=_WRITTEN,
        title=name,
        metrics="AUC, AP, Ano-AUC" if used else "Video-AUC, AUC, AP",
        shards=min(_MOST_SHARDS, -(-len(usable) // _VIDEOS_A_SHARD)),
        labels=labels.as_posix(),
        intervals=(folder / "intervals.csv").as_posix(),
    )
    write_text(text, dataset)
    write_text(_CONFIG.format(written=_WRITTEN, name=name), configuration)
    return Configured(configuration, labels, tuple(videos), tuple(bad), split, tuple(used), unused)


def _check_free(file: Path, force: bool) -> None:
    """Raise `FusevadError` if a file is in the way; only one of ours may be forced."""
    if not file.exists():
        return
    if _WRITTEN not in file.read_text(encoding="utf-8", errors="replace"):
        raise FusevadError(f"{file}: not written by fusevad init-dataset; choose another --name")
    if not force:
        raise FusevadError(f"{file}: there already; choose another --name, or give --force")


def _decoded(
    found: Sequence[Found], workers: int
) -> tuple[list[tuple[Found, VideoInfo]], list[str]]:
    """Videos with the facts from decoding them, and a line for each that can't be decoded."""
    paths = [video.path for video in found]
    outcomes = list(in_processes(_probe, paths, workers, "decoding videos", "video"))
    pairs = list(zip(found, outcomes, strict=True))
    good = [(video, outcome) for video, outcome in pairs if not isinstance(outcome, str)]
    return good, [outcome for outcome in outcomes if isinstance(outcome, str)]


def _probe(path: Path) -> VideoInfo | str:
    try:
        return probe(path)
    except FusevadError as error:
        return str(error)


def _named_intervals(path: Path, found: Iterable[Found]) -> dict[str, list[Interval]]:
    """Intervals by the name of their video, however the table names it.

    Raises:
        FusevadError: the table is wrong, or names a video that is not there or is normal.
    """
    videos = {video.name: video for video in found}
    named: dict[str, list[Interval]] = defaultdict(list)
    for text, spans in read_intervals(path).items():
        name = text if text in videos else listed_name(str(Path(text).with_suffix("")))
        if name not in videos:
            raise FusevadError(f"{path}: no video {text} was found; correct its name")
        if not videos[name].anomalous:
            raise FusevadError(f"{path}: video {text} is labelled normal; correct one of them")
        named[name] += [Interval(name, each.label, each.start, each.end) for each in spans]
    return dict(named)


def _testable(videos: Iterable[Found], spans: dict[str, list[Interval]]) -> set[str]:
    """All videos; or, if there are intervals, the normal ones and those with intervals."""
    return {
        video.name for video in videos if not spans or not video.anomalous or video.name in spans
    }


def _place(video: Path, folder: Path) -> str:
    """A video's path in a table of `folder`: relative where the repository goes with it."""
    path = os.path.abspath(video)
    inside = Path(path).is_relative_to(Path.cwd())
    return Path(os.path.relpath(path, folder) if inside else path).as_posix()


def _write_tables(
    folder: Path, videos: Iterable[Found], split: Split, intervals: Iterable[Interval]
) -> None:
    rows = [
        (
            video.name,
            "test" if video.name in split.test else "train",
            ";".join(video.classes),
            _place(video.path, folder),
            video.source,
        )
        for video in videos
    ]
    labels = pd.DataFrame(rows, columns=["video", "split", "class", "path", "source"])
    spans = pd.DataFrame(
        [(each.video, each.label, each.start, each.end) for each in intervals],
        columns=INTERVAL_COLUMNS,
    )
    write_csv(spans, folder / "intervals.csv")
    write_csv(labels, folder / "labels.csv")
