"""Make the manifest: check the labels, decode every video once, warn of what that shows."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.data.label_tables import (
    INTERVAL_COLUMNS,
    Interval,
    Label,
    PastEnd,
    check_intervals,
    read_intervals,
    read_labels,
    within_videos,
)
from fusevad.data.made_videos import damage, hashes_when_made
from fusevad.data.manifest import Video, frame_labels, write_manifest
from fusevad.errors import FusevadError, notice, refuse
from fusevad.files import sha256
from fusevad.parallel import in_processes
from fusevad.system_errors import about
from fusevad.video.decode import VideoInfo, probe


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


def _warn_of_copies(videos: list[Video]) -> None:
    """Warn of test videos that equal a training video byte for byte: official splits have some."""
    train = {video.sha256: video.name for video in videos if video.split == "train"}
    for video in videos:
        if video.split == "test" and video.sha256 in train:
            message = f"warning: test video {video.name} is the same file as training video "
            notice(message + train[video.sha256])


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
    notice(f"warning: {labels}: {found}")


def _decode(labels: Sequence[Label], workers: int, source: Path) -> list[Video | str]:
    """The outcome of decoding each video, in the order of `labels`.

    Videos that were made here, in `source`, must be as they were made: one with a flipped bit may
    decode, and all that follows is compared with the manifest.
    """
    paths = [label.path for label in labels]
    outcomes = in_processes(_probe_one, paths, workers, "decoding videos", "video")
    made = hashes_when_made(source)
    return [
        damage(label.path, made, source)
        or (outcome if isinstance(outcome, str) else measured(label, *outcome))
        for label, outcome in zip(labels, outcomes, strict=True)
    ]


def _probe_one(path: Path) -> tuple[VideoInfo, str] | str:
    try:
        with about(path):
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
    write_manifest(videos, folder / "manifest.csv")
