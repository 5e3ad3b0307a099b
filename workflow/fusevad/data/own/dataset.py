"""`fusevad init-dataset`: configure a data set of people's own videos."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fusevad.config.names import check_dataset_name, configuration_name
from fusevad.csv_tables import write_csv
from fusevad.data.label_tables import (
    INTERVAL_COLUMNS,
    Interval,
    Label,
    check_intervals,
    each_once,
    read_intervals,
    within_videos,
)
from fusevad.data.own.found import Found, find_labelled
from fusevad.data.own.labels import place_in
from fusevad.data.own.split import Split, split_by_source
from fusevad.errors import FusevadError
from fusevad.files import write_text
from fusevad.parallel import in_processes
from fusevad.spelling import one_spelling
from fusevad.video.decode import VideoInfo, probe

_VIDEOS_A_SHARD, _MOST_SHARDS = 50, 32
_WRITTEN = "# Written by fusevad init-dataset"
_DATASET = """\
# yaml-language-server: $schema=../../workflow/schemas/datasets.schema.json
{written}; edit it as you like (docs/datasets.md).
title: '{title}'
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
datasets: ['{name}']
{protocol}"""
_BY_LAST_EPOCH = (
    "protocol: last # validation would choose the epoch by the videos that Video-AUC ranks\n"
)


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
    files = _Files(config, name)
    files.check(force, [place, *([intervals] if intervals else [])])
    found = find_labelled(place)
    spans = (
        _named_intervals(intervals, place if place.is_dir() else place.parent, found)
        if intervals
        else {}
    )
    videos, bad = _decoded(found, workers)
    usable = [video for video, _ in videos]
    if not usable:
        raise FusevadError(f"{place}: none of its videos can be decoded; see {bad[0]}")
    split = split_by_source(usable, _testable(usable, spans))
    used = [each for video in sorted(split.test) for each in spans.get(video, ())]
    unused = sum(len(own) for video, own in spans.items() if video not in split.test)
    if intervals:
        check_intervals(intervals, used, _labels(usable, split))
        frames = {video.name: info.frames for video, info in videos}
        within_videos(intervals, used, frames, "stop")
    _write_tables(files, usable, split, used)
    _write_configuration(files, len(usable), judged=bool(used))
    return Configured(
        files.configuration, files.labels, tuple(videos), tuple(bad), split, tuple(used), unused
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """What is written of a data set, in the folder `config/`."""

    config: Path
    name: str

    @property
    def configuration(self) -> Path:
        return self.config / f"{self.name}.yaml"

    @property
    def dataset(self) -> Path:
        return self.config / "datasets" / f"{self.name}.yaml"

    @property
    def labels(self) -> Path:
        return self.config / "datasets" / self.name / "labels.csv"

    @property
    def intervals(self) -> Path:
        return self.labels.with_name("intervals.csv")

    def check(self, force: bool, given: Iterable[Path]) -> None:
        """Raise `FusevadError` if the name is none or in use, or `config/` is missing or read-only.

        Args:
            force: whether what was written before may be replaced.
            given: the user's tables, which are never replaced.
        """
        check_dataset_name(self.name, "--name")
        configuration_name([self.configuration], {})
        if not self.config.is_dir():
            raise FusevadError(f"{self.config}/: no such folder; run the command in the repository")
        # Known before hours of decoding.
        for folder in (self.config, self.dataset.parent, self.labels.parent):
            if folder.exists() and not os.access(folder, os.W_OK):
                raise FusevadError(
                    f"{folder}/: no file can be written there; change its owner or rights (chown,"
                    " chmod), or work in a copy of the repository"
                )
        for file in (self.dataset, self.configuration):
            _check_free(file, force)
        for table in (self.labels, self.intervals):
            if any(path.exists() and table.exists() and path.samefile(table) for path in given):
                raise FusevadError(f"{table}: read and written by this command; move yours away")
            if table.exists() and not self.dataset.exists():
                raise FusevadError(f"{table}: there already; choose another --name, or move it")


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


def _named_intervals(path: Path, folder: Path, found: Sequence[Found]) -> dict[str, list[Interval]]:
    """Intervals by the name of their video: the table has the name, or the path from `folder`.

    Raises:
        FusevadError: the table is wrong, has an interval twice, or names a video that is not there
            or is normal.
    """
    videos = {video.name: video for video in found}
    names = {one_spelling(os.path.abspath(video.path)): video.name for video in found}
    named: dict[str, list[Interval]] = defaultdict(list)
    for text, spans in read_intervals(path).items():
        name = text if text in videos else names.get(one_spelling(os.path.abspath(folder / text)))
        if name is None:
            raise FusevadError(f"{path}: no video {text} was found; correct its name")
        if not videos[name].anomalous:
            raise FusevadError(f"{path}: video {text} is labelled normal; correct one of them")
        named[name] += [Interval(name, each.label, each.start, each.end) for each in spans]
        if each_once(named[name]) != named[name]:
            raise FusevadError(
                f"{path}: an interval of video {name} is there by its name and by its path; remove"
                " one"
            )
    return dict(named)


def _testable(videos: Iterable[Found], spans: dict[str, list[Interval]]) -> set[str]:
    """All videos; or, if there are intervals, the normal ones and those with intervals."""
    return {
        video.name for video in videos if not spans or not video.anomalous or video.name in spans
    }


def _labels(videos: Iterable[Found], split: Split) -> list[Label]:
    return [
        Label(
            video.name,
            "test" if video.name in split.test else "train",
            video.classes,
            video.path,
        )
        for video in videos
    ]


def _write_tables(
    files: _Files, videos: Sequence[Found], split: Split, intervals: Iterable[Interval]
) -> None:
    rows = [
        (
            label.name,
            label.split,
            ";".join(label.classes),
            place_in(files.labels.parent, label.path),
            video.source,
        )
        for label, video in zip(_labels(videos, split), videos, strict=True)
    ]
    labels = pd.DataFrame(rows, columns=["video", "split", "class", "path", "source"])
    spans = pd.DataFrame(
        [(each.video, each.label, each.start, each.end) for each in intervals],
        columns=INTERVAL_COLUMNS,
    )
    write_csv(spans, files.intervals)
    write_csv(labels, files.labels)


def _write_configuration(files: _Files, videos: int, judged: bool) -> None:
    """Write the data set's file and the configuration; `judged`: whether frames have truth."""
    text = _DATASET.format(
        written=_WRITTEN,
        title=files.name,
        metrics="AUC, AP, Ano-AUC" if judged else "Video-AUC, AUC, AP",
        shards=min(_MOST_SHARDS, -(-videos // _VIDEOS_A_SHARD)),
        labels=files.labels.as_posix(),
        intervals=files.intervals.as_posix(),
    )
    write_text(text, files.dataset)
    protocol = "" if judged else _BY_LAST_EPOCH
    text = _CONFIG.format(written=_WRITTEN, name=files.name, protocol=protocol)
    write_text(text, files.configuration)
