"""The manifest: the videos, their classes, and the number of frames that decode."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from tqdm import tqdm

from fusevad.data.label_tables import (
    INTERVAL_COLUMNS,
    NORMAL,
    Interval,
    Label,
    PastEnd,
    check_intervals,
    checked_classes,
    read_intervals,
    read_labels,
    within_videos,
)
from fusevad.data.made_videos import hashes_when_made, videos_folder
from fusevad.errors import FusevadError, refuse
from fusevad.files import read_csv, sha256, write_csv
from fusevad.parallel import in_processes
from fusevad.video.decode import VideoInfo, frame_edges, probe, segment_count
from fusevad.video.settings import HIGHEST_RATE

_MANIFEST_COLUMNS = [
    "video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256",
    "variable_rate",
]  # fmt: skip

_LOWEST_RATE = 1e-6  # a frame in eleven days
_SHA256 = re.compile("[0-9a-f]{64}")
_MOST_FRAMES = 1_000_000_000  # a year at 30 a second: labels of frames are in memory


@dataclass(frozen=True, slots=True)
class Video:
    """A row of the manifest.

    Attributes:
        classes: only `normal`, or the names of anomaly classes.
        fps: frames over seconds, from time stamps.
        width, height: size in pixels as shown.
        variable_rate: whether frame k is shown at a time other than k / fps.
    """

    name: str
    path: Path
    split: str
    classes: tuple[str, ...]
    frames: int
    fps: float
    width: int
    height: int
    sha256: str
    variable_rate: bool = False

    def edges(self) -> np.ndarray:
        """Times of its frames: (frames + 1,) seconds from the first frame.

        Frame k is shown from edge k to edge k + 1. A video of variable rate is decoded for this.

        Raises:
            FusevadError: such a video can't be decoded, or has changed.
        """
        if self.variable_rate:
            return frame_edges(self.path, self.frames)
        return np.arange(self.frames + 1) / self.fps

    @property
    def segments(self) -> int:
        """Segments of 16 frames; an incomplete last one counts."""
        return segment_count(self.frames)

    @property
    def anomalous(self) -> bool:
        """Whether it shows an anomaly of any class."""
        return self.classes != (NORMAL,)


def make_manifest(
    labels: Path,
    intervals: Path,
    out_folder: Path,
    on_bad_video: Literal["stop", "skip"],
    workers: int,
    past_end: PastEnd = "stop",
    check: Callable[[Sequence[Video | str]], Sequence[Video | str]] = list,
) -> None:
    """Check the labels, decode every video once, and write the manifest.

    See `make_manifest_with`; `workers` is the number of decoding processes, and `check` may find
    further reasons why a video can't be used.
    """

    def measure(declared: Sequence[Label]) -> Sequence[Video | str]:
        return check(_decode(declared, workers, labels.parent))

    make_manifest_with(measure, labels, intervals, out_folder, on_bad_video, past_end)


def make_manifest_with(
    measure: Callable[[Sequence[Label]], Sequence[Video | str]],
    labels: Path,
    intervals: Path,
    out_folder: Path,
    on_bad_video: Literal["stop", "skip"],
    past_end: PastEnd = "stop",
) -> None:
    """Check the labels, measure every video, and write the manifest.

    Writes `intervals.csv`, `skipped.csv` and, last, `manifest.csv`, in the order of `labels`.

    Args:
        measure: returns for each label its video, or one line that says why it can't be used.
        labels: table video, split, class, path; paths relative to the table's folder.
        intervals: table video, class, start, end: frames, half-open, test videos only.
        out_folder: where the three tables go.
        on_bad_video: `stop` raises after all videos were tried; `skip` leaves bad ones out.
        past_end: how to treat intervals that end after their video, as some published ones do:
            `stop` raises; `clip` ends them with the video, or drops those that begin after it, and
            names each.

    Raises:
        FusevadError: inconsistent labels or intervals, or bad videos with `stop`; then nothing
            is written.
    """
    declared = read_labels(labels)
    anomalies = [each for spans in read_intervals(intervals).values() for each in spans]
    check_intervals(intervals, anomalies, declared)
    outcomes = measure(declared)
    bad = {
        label.name: outcome
        for label, outcome in zip(declared, outcomes, strict=True)
        if isinstance(outcome, str)
    }
    if bad and on_bad_video == "stop":
        refuse(
            list(bad.values()),
            f"{labels}: {len(bad)} of {len(declared)} videos can't be used; correct them, or say"
            " on_bad_video: skip",
        )
    videos = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    if not videos:
        raise FusevadError(f"{labels}: none of its videos can be decoded; see {bad.popitem()[1]}")
    frames = {video.name: video.frames for video in videos}
    anomalies = within_videos(intervals, anomalies, frames, past_end)
    _warn_of_copies(videos)
    kept = [anomaly for anomaly in anomalies if anomaly.video not in bad]
    _warn_of_undefined_metrics(labels, videos, kept)
    skipped = [(label.name, label.path, bad[label.name]) for label in declared if label.name in bad]
    _write(out_folder, videos, kept, skipped)


def read_manifest(path: Path) -> list[Video]:
    """Read `manifest.csv`.

    Raises:
        FusevadError: the file is missing or is not a manifest.
    """
    text = ("video", "path", "split", "classes", "sha256", "variable_rate")
    frame = read_csv(path, _MANIFEST_COLUMNS, text)
    if frame.empty:
        raise FusevadError(f"{path}: no videos in the manifest; make it again")
    numbers, texts = frame[["frames", "fps", "width", "height"]], frame[list(text)]
    # Rate and size are 0, unknown, where features replace the videos.
    possible = np.isfinite(numbers) & (numbers >= 0) & (numbers < _MOST_FRAMES)
    sizes = ["frames", "width", "height"]
    possible[sizes] &= numbers[sizes] == np.rint(numbers[sizes])
    possible["frames"] &= numbers["frames"] > 0
    possible["fps"] &= (numbers["fps"] == 0) | numbers["fps"].between(_LOWEST_RATE, HIGHEST_RATE)
    if not possible.all(axis=None) or texts.isna().any(axis=None):
        raise FusevadError(f"{path}: an empty cell or an impossible number; make it again")
    # Spreadsheets write TRUE.
    varies = frame["variable_rate"].str.lower().map({"true": True, "false": False})
    if varies.isna().any():
        line = varies.isna().idxmax() + 2
        raise FusevadError(
            f"{path}: line {line}: variable_rate: neither True nor False; correct it"
        )
    wrong = ~frame["sha256"].str.fullmatch(_SHA256)
    if wrong.any():
        raise FusevadError(
            f"{path}: line {wrong.idxmax() + 2}: sha256: not 64 hexadecimal digits; make it again"
        )
    twice = frame["video"][frame["video"].duplicated()]
    if not twice.empty:
        raise FusevadError(f"{path}: video {twice.iloc[0]} is there twice; make it again")
    return [
        Video(
            name=row.video,
            path=Path(row.path),
            split=row.split,
            classes=checked_classes(
                f"{path}: line {row.Index + 2}", row.video, row.split, row.classes, row.path
            ),
            frames=int(row.frames),
            fps=float(row.fps),
            width=int(row.width),
            height=int(row.height),
            sha256=row.sha256,
            variable_rate=bool(varies[row.Index]),
        )
        for row in frame.itertuples()
    ]


def frame_labels(frames: int, intervals: Iterable[Interval]) -> np.ndarray:
    """Ground truth of a video: (frames,) bool, true inside any of its intervals."""
    labels = np.zeros(frames, bool)
    for interval in intervals:
        labels[interval.start : interval.end] = 1
    return labels


def check_unchanged(video: Video) -> None:
    """Compare a video's file with the manifest before its pictures are used.

    This takes 0.1 % of the time of counting or embedding (measured on the rendered set).

    Raises:
        FusevadError: the file is missing or has other bytes.
    """
    if not video.path.is_file():
        raise FusevadError(f"{video.path}: no such video; get it, or make the manifest again")
    if sha256(video.path) != video.sha256:
        raise FusevadError(
            f"{video.path}: not the file that the manifest was made from; {_way_back(video)}"
        )


def _way_back(video: Video) -> str:
    """What to do about a video that has other bytes than the manifest says."""
    made_in = next((folder for folder in video.path.parents if folder.name == "videos"), None)
    if made_in is not None and (made_in.parent / "labels.csv").is_file():
        path = os.path.abspath(video.path)
        if hashes_when_made(made_in.parent).get(path) == video.sha256:
            return f"delete {made_in} and run the workflow again"
    return "get it again, or make the manifest again"


def shard(videos: Sequence[Video], index: int, count: int) -> list[Video]:
    """Every `count`-th video, from number `index` on."""
    if not 0 <= index < count:
        raise FusevadError(f"shard {index} of {count} does not exist; use 0 to {count - 1}")
    return list(videos[index::count])


def _warn_of_copies(videos: list[Video]) -> None:
    """Warn of test videos that equal a training video byte for byte: official splits have some."""
    train = {video.sha256: video.name for video in videos if video.split == "train"}
    for video in videos:
        if video.split == "test" and video.sha256 in train:
            message = f"warning: test video {video.name} is the same file as training video "
            tqdm.write(message + train[video.sha256], file=sys.stderr)


def _warn_of_undefined_metrics(
    labels: Path, videos: Sequence[Video], anomalies: Sequence[Interval]
) -> None:
    """Warn of metrics that stay undefined on these test frames, before anything is trained."""
    spans: dict[str, list[Interval]] = {}
    for anomaly in anomalies:
        spans.setdefault(anomaly.video, []).append(anomaly)
    if not any(video.anomalous for video in videos):
        return  # normal footage, to certify alarms on
    tests = [video for video in videos if video.split == "test"]
    shown = [video for video in tests if video.name in spans]
    throughout = all(frame_labels(video.frames, spans[video.name]).all() for video in shown)
    if not tests or (shown and not throughout):
        return
    if not shown and any(video.anomalous for video in tests):
        found = (
            "no test video has an interval: metrics of frames are undefined, -- in tables; the data"
            " set's main metric must be Video-AUC"
        )
    elif not shown:
        found = "no test video shows an anomaly: no metric is defined, no run can be evaluated"
    elif len(shown) == len(tests):
        found = "all test frames are anomalous: no metric is defined, no run can be evaluated"
    else:
        found = (
            "test videos with an anomaly show it throughout: Ano-AUC and Ano-AP are undefined, "
            "-- in tables"
        )
    tqdm.write(f"warning: {labels}: {found}", file=sys.stderr)


def _decode(labels: Sequence[Label], workers: int, source: Path) -> list[Video | str]:
    """The outcome of decoding each video, in the order of `labels`.

    Videos that were made here, in `source`, must be as they were made: one with a flipped bit may
    decode, and all that follows is compared with the manifest.
    """
    paths = [label.path for label in labels]
    outcomes = in_processes(_probe_one, paths, workers, "decoding videos", "video")
    made = hashes_when_made(source)
    return [
        _damage(label.path, made, source)
        or (outcome if isinstance(outcome, str) else measured(label, *outcome))
        for label, outcome in zip(labels, outcomes, strict=True)
    ]


def _damage(path: Path, made: Mapping[str, str], source: Path) -> str | None:
    """Why a video that was made here is not as it was made."""
    digest = made.get(os.path.abspath(path))
    if digest is None or not path.is_file() or sha256(path) == digest:
        return None
    return (
        f"{path}: damaged since it was made; delete {videos_folder(source)} and run the workflow"
        " again"
    )


def _probe_one(path: Path) -> tuple[VideoInfo, str] | str:
    try:
        return probe(path), sha256(path)
    except FusevadError as error:
        return str(error)


def measured(label: Label, info: VideoInfo, digest: str) -> Video:
    """A label with the facts about its file."""
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
    """Write the three tables, the manifest last: if it exists, the others are complete."""
    spans = [(each.video, each.label, each.start, each.end) for each in intervals]
    write_csv(pd.DataFrame(spans, columns=INTERVAL_COLUMNS), folder / "intervals.csv")
    write_csv(pd.DataFrame(skipped, columns=["video", "path", "reason"]), folder / "skipped.csv")
    rows = pd.DataFrame([asdict(video) for video in videos]).rename(columns={"name": "video"})
    rows["classes"] = rows["classes"].map(";".join)
    write_csv(rows[_MANIFEST_COLUMNS], folder / "manifest.csv")
