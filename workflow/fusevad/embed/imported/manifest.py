"""Features of others at the manifest stage: in place of videos, or beside them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from fusevad.data.label_tables import Label
from fusevad.data.manifest import Video
from fusevad.data.manifest_making import make_manifest_with, measured
from fusevad.embed.imported.reading import Scan, pooled, some
from fusevad.embed.imported.run import look, pooled_test, wrong_lengths
from fusevad.embed.imported.settings import LAYOUTS, ImportSettings, Layout
from fusevad.errors import FusevadError
from fusevad.files import sha256
from fusevad.video.decode import SEGMENT_FRAMES, VideoInfo


def manifest_from_features(
    settings: ImportSettings,
    folder: Path,
    labels: Path,
    intervals: Path,
    out_folder: Path,
    on_bad_video: Literal["stop", "skip"] = "stop",
) -> None:
    """Write `manifest.csv`, `intervals.csv` and `skipped.csv` as `make_manifest` does.

    A video has 16 frames for each row of its features (64 in `i3d-64`), as in the evaluation of the
    released code: a last row that its video does not fill counts in full; frames after the last row
    are ignored, and their annotations are cut, with a warning. The length of a video of pooled
    features is unknown: it has 16 frames for each row too, which no metric reads, as only training
    videos may be pooled.
    `path` and `sha256` belong to the first feature file of the first stream; frames per second,
    width and height are 0: unknown. The videos that `labels` names are not opened.

    Args:
        settings: layout, crops and more.
        folder: of the features.
        labels: table video, split, class, path.
        intervals: table video, class, start, end.
        out_folder: where the three tables go.
        on_bad_video: `stop`, or `skip` videos that lack features of a stream or whose files are
            unreadable or, with `on_nan: stop`, have NaN.

    Raises:
        FusevadError: inconsistent tables, missing or unreadable features with `stop`, or rows that
            do not span 16 frames.
    """
    layout = LAYOUTS[settings.layout]
    if layout.needs_videos:
        raise FusevadError(
            f"{folder}: features of layout {settings.layout} do not tell how long a video is; make"
            " the manifest from the videos"
        )

    def measure(declared: Sequence[Label]) -> list[Video | str]:
        names = [label.name for label in declared]
        scans = _scans(settings, folder, names, on_bad_video)
        for stream, scan in scans.items():
            if parts := pooled(scan.good, {label.name: label.split for label in declared}):
                raise FusevadError(
                    f"{folder}: {parts} of {stream}, so a row is a part of a video and not"
                    f" {layout.row_frames} frames; get features of all segments, or add the videos"
                    " (`videos: true`), which show whether they are really that long"
                )
        videos = {label.name: _video(label, scans, layout) for label in declared}
        bad = {name: video for name, video in videos.items() if isinstance(video, str)}
        if bad and on_bad_video == "stop":
            raise FusevadError(
                f"{folder}: {len(bad)} of {len(videos)} videos of {labels} have no usable features:"
                f" {some(bad)}; add them, or set on_bad_video: skip"
            )
        return list(videos.values())

    make_manifest_with(measure, labels, intervals, out_folder, on_bad_video, past_end="clip")


def without_unusable(
    outcomes: Sequence[Video | str],
    settings: ImportSettings,
    folder: Path,
    on_bad_video: Literal["stop", "skip"] = "stop",
) -> list[Video | str]:
    """Replace each video whose features can't be imported by the reason, in one line.

    Args:
        outcomes: the videos of a data set, or why one can't be decoded.
        settings: layout, crops and more.
        folder: of the features.
        on_bad_video: with `skip` the features are also read, so that NaN and values too large for
            float16 are found before the import.

    Raises:
        FusevadError: the features of a stream differ in form, or rows are parts of whole videos.
    """
    videos = [outcome for outcome in outcomes if isinstance(outcome, Video)]
    names = [video.name for video in videos]
    reasons: dict[str, str] = {}
    for stream, scan in _scans(settings, folder, names, on_bad_video).items():
        where = settings.stream_folder(folder, stream)
        wrong = scan.bad | wrong_lengths(where, videos, scan.good, settings)
        reasons |= {
            name: f"{where}: {name}: {why}; extract its features again"
            for name, why in wrong.items()
        }
    return [
        reasons.get(outcome.name, outcome) if isinstance(outcome, Video) else outcome
        for outcome in outcomes
    ]


def _scans(
    settings: ImportSettings,
    folder: Path,
    names: list[str],
    on_bad_video: Literal["stop", "skip"],
) -> dict[str, Scan]:
    values = on_bad_video == "skip"
    return {
        stream: look(settings, folder, stream, names, values) for stream in settings.stream_names()
    }


def _video(label: Label, scans: dict[str, Scan], layout: Layout) -> Video | str:
    for stream, scan in scans.items():
        if label.name in scan.bad:
            return f"{stream}: {scan.bad[label.name]}"
    features = [scan.good[label.name] for scan in scans.values()]
    for each in features:
        if why := pooled_test(each, label.split, layout):
            return why
    lengths = {each.rows for each in features}
    if len(lengths) > 1:
        return f"{min(lengths)} rows in one stream, {max(lengths)} in another"
    file = features[0].files[0]
    frames = SEGMENT_FRAMES if features[0].pooled else layout.row_frames
    info = VideoInfo(frames=frames * lengths.pop(), fps=0, variable_rate=False, width=0, height=0)
    return measured(replace(label, path=file), info, sha256(file))
