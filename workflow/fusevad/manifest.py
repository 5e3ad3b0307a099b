"""The manifest: which videos there are, what they show, and how many frames truly decode."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from tqdm import tqdm

from fusevad.errors import FusevadError
from fusevad.files import read_csv, sha256, write_csv
from fusevad.parallel import in_processes
from fusevad.video import VideoInfo, probe, segment_count

NORMAL = "normal"
SPLITS = ("train", "test")

_LABEL_COLUMNS = ["video", "split", "class", "path"]
_INTERVAL_COLUMNS = ["video", "class", "start", "end"]
_MANIFEST_COLUMNS = [
    "video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Video:
    """A row of the manifest; `classes` holds `normal` alone, or the names of anomaly classes."""

    name: str
    path: Path
    split: str
    classes: tuple[str, ...]
    frames: int
    fps: float
    width: int
    height: int
    sha256: str

    @property
    def segments(self) -> int:
        return segment_count(self.frames)

    @property
    def anomalous(self) -> bool:
        return self.classes != (NORMAL,)


@dataclass(frozen=True, slots=True)
class Interval:
    """An anomaly of a test video: frames [start, end) that show `label`."""

    video: str
    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Label:
    name: str
    split: str
    classes: tuple[str, ...]
    path: Path


def make_manifest(
    labels: Path,
    intervals: Path,
    out_folder: Path,
    on_bad_video: Literal["stop", "skip"],
    workers: int,
) -> None:
    """Check the labels, decode every video once, and write the manifest.

    Writes `intervals.csv`, `skipped.csv` and, last, `manifest.csv`, in the order of `labels`.

    Args:
        labels: table video, split, class, path; paths relative to the table's folder.
        intervals: table video, class, start, end: frames, half-open, test videos only.
        out_folder: where the three tables go.
        on_bad_video: `stop` raises after all videos were tried; `skip` leaves bad ones out.
        workers: number of decoding processes.

    Raises:
        FusevadError: inconsistent labels or intervals, or bad videos with `stop`; nothing is
            written then.
    """
    declared = _read_labels(labels)
    anomalies = [each for spans in read_intervals(intervals).values() for each in spans]
    _check_intervals(intervals, anomalies, declared)
    outcomes = _probe_all([label.path for label in declared], workers)
    bad = {
        label.name: outcome
        for label, outcome in zip(declared, outcomes, strict=True)
        if isinstance(outcome, str)
    }
    if bad and on_bad_video == "stop":
        raise FusevadError(_bad_videos(labels, list(bad.values()), len(declared)))
    videos = [
        _video(label, *outcome)
        for label, outcome in zip(declared, outcomes, strict=True)
        if not isinstance(outcome, str)
    ]
    if not videos:
        raise FusevadError(f"{labels}: none of its videos can be decoded; see {bad.popitem()[1]}")
    _check_ends(intervals, anomalies, videos)
    _warn_of_copies(videos)
    kept = [anomaly for anomaly in anomalies if anomaly.video not in bad]
    skipped = [(label.name, label.path, bad[label.name]) for label in declared if label.name in bad]
    _write(out_folder, videos, kept, skipped)


def read_manifest(path: Path) -> list[Video]:
    """Read `manifest.csv`.

    Raises:
        FusevadError: the file is missing or no manifest.
    """
    frame = read_csv(path, _MANIFEST_COLUMNS, ("video", "path", "split", "classes", "sha256"))
    if frame.empty:
        raise FusevadError(f"{path}: no videos in the manifest; make it again")
    return [
        Video(
            name=row.video,
            path=Path(row.path),
            split=row.split,
            classes=tuple(row.classes.split(";")),
            frames=int(row.frames),
            fps=float(row.fps),
            width=int(row.width),
            height=int(row.height),
            sha256=row.sha256,
        )
        for row in frame.itertuples()
    ]


def read_intervals(path: Path) -> dict[str, list[Interval]]:
    """Read a table of anomalies: video, class, start, end in frames, half-open; grouped by video.

    Raises:
        FusevadError: the file is missing, or a cell is empty or no whole number.
    """
    frame = read_csv(path, _INTERVAL_COLUMNS, ("video", "class"))
    result: dict[str, list[Interval]] = {}
    for number, row in enumerate(frame[_INTERVAL_COLUMNS].itertuples(index=False), start=2):
        video, name, start, end = row
        try:
            first, last = int(start), int(end)
        except ValueError:  # empty, or text
            first, last = -1, -1
        if pd.isna(video) or pd.isna(name) or (first, last) != (start, end):
            raise FusevadError(
                f"{path}: line {number} is not video, class, start, end in whole frames; correct it"
            )
        result.setdefault(video, []).append(Interval(video, name, first, last))
    return result


def frame_labels(frames: int, intervals: Iterable[Interval]) -> np.ndarray:
    """Ground truth of a video: (frames,) bool, true inside any of its intervals."""
    labels = np.zeros(frames, bool)
    for interval in intervals:
        labels[interval.start : interval.end] = 1
    return labels


def shard(videos: Sequence[Video], index: int, count: int) -> list[Video]:
    """Every `count`-th video, from number `index` on."""
    if not 0 <= index < count:
        raise FusevadError(f"shard {index} of {count} does not exist; use 0 to {count - 1}")
    return list(videos[index::count])


def _read_labels(path: Path) -> list[_Label]:
    frame = read_csv(path, _LABEL_COLUMNS, tuple(_LABEL_COLUMNS))
    if frame.empty:
        raise FusevadError(f"{path}: no videos in the table; add some")
    labels = []
    for number, row in enumerate(frame[_LABEL_COLUMNS].itertuples(index=False), start=2):
        if any(pd.isna(cell) for cell in row):
            raise FusevadError(f"{path}: line {number} has an empty cell; fill it in")
        name, split, classes, file = row
        if "/" in name or name in (".", "..") or name != name.strip():
            raise FusevadError(
                f"{path}: video name {name!r} is no file name; use one without '/' or outer spaces"
            )
        if split not in SPLITS:
            raise FusevadError(
                f"{path}: video {name} has the unknown split {split!r}; use train or test"
            )
        names = tuple(part.strip() for part in classes.split(";"))
        if "" in names or (NORMAL in names and len(names) > 1):
            raise FusevadError(
                f"{path}: video {name} has the class {classes!r}; use {NORMAL}, or anomaly classes "
                "joined by ';'"
            )
        labels.append(_Label(name, split, names, _relative(path.parent / file)))
    _check_unique(path, labels)
    return labels


def _relative(path: Path) -> Path:
    """Relative to the working directory if below it; links stay as they are."""
    absolute = Path(os.path.abspath(path))
    here = Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def _check_unique(path: Path, labels: list[_Label]) -> None:
    for what, values in (
        ("video name", [(label.name, label.split) for label in labels]),
        ("file", [(str(label.path), label.split) for label in labels]),
    ):
        names = Counter(value for value, _ in values)
        for name, count in names.items():
            if count == 1:
                continue
            if len({split for value, split in values if value == name}) > 1:
                raise FusevadError(
                    f"{path}: {what} {name} is in train and in test; leave it in one of them"
                )
            raise FusevadError(f"{path}: {what} {name} occurs {count} times; remove the others")


def _check_intervals(path: Path, intervals: list[Interval], labels: list[_Label]) -> None:
    known = {label.name: label for label in labels}
    for interval in intervals:
        where = f"{path}: interval {interval.start}-{interval.end} of video {interval.video}"
        label = known.get(interval.video)
        if label is None:
            raise FusevadError(f"{where}: no such video in the labels; remove it or correct it")
        if label.split != "test":
            raise FusevadError(f"{where}: a training video has no intervals; remove it")
        if label.classes == (NORMAL,):
            raise FusevadError(f"{where}: the video is labelled {NORMAL}; correct one of them")
        if not set(interval.label.split(";")) <= set(label.classes):
            raise FusevadError(
                f"{where}: class {interval.label!r} is not among the video's labels "
                f"({';'.join(label.classes)}); correct one of them"
            )
        if interval.start < 0:
            raise FusevadError(f"{where}: starts before the video; frames count from 0")
        if interval.end <= interval.start:
            raise FusevadError(f"{where}: empty; the end is the first frame after the anomaly")
    covered = {interval.video for interval in intervals}
    for label in labels:
        if label.split == "test" and label.classes != (NORMAL,) and label.name not in covered:
            raise FusevadError(
                f"{path}: no interval for the anomalous test video {label.name}; add at least one"
            )


def _check_ends(path: Path, intervals: list[Interval], videos: list[Video]) -> None:
    frames = {video.name: video.frames for video in videos}
    for interval in intervals:
        if interval.end > frames.get(interval.video, interval.end):
            raise FusevadError(
                f"{path}: interval {interval.start}-{interval.end} of video {interval.video}: "
                f"ends after the video's {frames[interval.video]} frames; correct it"
            )


def _warn_of_copies(videos: list[Video]) -> None:
    """Say on stderr which test videos are byte for byte a training video: official splits may."""
    train = {video.sha256: video.name for video in videos if video.split == "train"}
    for video in videos:
        if video.split == "test" and video.sha256 in train:
            message = f"warning: test video {video.name} is the same file as training video "
            tqdm.write(message + train[video.sha256], file=sys.stderr)


def _probe_all(paths: list[Path], workers: int) -> list[tuple[VideoInfo, str] | str]:
    """In the order of `paths`: what was found and the file's SHA-256, or why it can't be used."""
    return list(in_processes(_probe_one, paths, workers, "decoding videos", "video"))


def _probe_one(path: Path) -> tuple[VideoInfo, str] | str:
    try:
        return probe(path), sha256(path)
    except FusevadError as error:
        return str(error)


def _bad_videos(labels: Path, reasons: list[str], count: int) -> str:
    if len(reasons) == 1:
        return reasons[0]
    return "\n".join([f"{labels}: {len(reasons)} of {count} videos can't be used:", *reasons])


def _video(label: _Label, info: VideoInfo, digest: str) -> Video:
    return Video(
        name=label.name,
        path=label.path,
        split=label.split,
        classes=label.classes,
        sha256=digest,
        **asdict(info),
    )


def _write(
    folder: Path,
    videos: list[Video],
    intervals: list[Interval],
    skipped: list[tuple[str, Path, str]],
) -> None:
    """Write the three tables, the manifest last: where it is, the others are complete."""
    spans = [(each.video, each.label, each.start, each.end) for each in intervals]
    write_csv(pd.DataFrame(spans, columns=_INTERVAL_COLUMNS), folder / "intervals.csv")
    write_csv(pd.DataFrame(skipped, columns=["video", "path", "reason"]), folder / "skipped.csv")
    rows = pd.DataFrame([asdict(video) for video in videos]).rename(columns={"name": "video"})
    rows["classes"] = rows["classes"].map(";".join)
    write_csv(rows[_MANIFEST_COLUMNS], folder / "manifest.csv")
