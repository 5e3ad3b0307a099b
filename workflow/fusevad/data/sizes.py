"""How large data sets are: by their manifests, else as published or as they will be rendered."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from fusevad.config.datasets import Dataset
from fusevad.data.label_tables import read_labels
from fusevad.data.manifest import read_manifest
from fusevad.data.recorded.settings import RecordedSettings, SplitSettings
from fusevad.data.render.settings import RenderSettings
from fusevad.data.splice.settings import SpliceSettings
from fusevad.errors import FusevadError
from fusevad.parsing import parse
from fusevad.plan.sizes import Size
from fusevad.video.settings import SEGMENT_FRAMES

PUBLISHED = Path("config/published/sizes.csv")
# Without a manifest, the longest video counts as this many times the mean length, and videos whose
# size is not published as this many bytes a frame, which is UCF-Crime's.
LONGEST, FRAME_BYTES = 3.0, 7_500


def size_of(dataset: Dataset, manifest: Path) -> Size:
    """The size of a data set.

    Raises:
        FusevadError: neither a manifest nor anything published says how large it is.
    """
    if manifest.is_file():
        return _from_manifest(manifest)
    if dataset.origin == "render":
        return _rendered(parse(RenderSettings, dataset.settings, dataset.key))
    if dataset.origin == "splice":
        return _spliced(parse(SpliceSettings, dataset.settings, dataset.key))
    if dataset.origin == "recorded":
        return _published(dataset)
    videos = len(read_labels(Path(dataset.settings["labels"])))
    raise FusevadError(
        f"{dataset.key}: the lengths of its {videos} videos are not known before its manifest; run:"
        f" snakemake --cores all {manifest}"
    )


def _from_manifest(manifest: Path) -> Size:
    videos = read_manifest(manifest)
    paths = [video.path for video in videos]
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    segments = [video.segments for video in videos]
    frames = sum(video.frames for video in videos)
    known = len(sizes) == len(paths)
    return Size(
        len(videos),
        sum(video.split == "train" for video in videos),
        frames,
        sum(segments),
        sum(video.segments for video in videos if video.split == "test"),
        max(segments),
        sum(sizes) if known else FRAME_BYTES * frames,
        "its manifest" + ("" if known else f"; assumed: {FRAME_BYTES} bytes a frame"),
    )


def _rendered(settings: RenderSettings) -> Size:
    """The lengths are drawn from a triangle; all frame rates are as likely."""
    classes = len(settings.classes)
    training = settings.train_normal + classes * settings.train_per_class
    test = settings.test_normal + classes * settings.test_per_class
    seconds = (sum(settings.seconds) + settings.seconds_mode) / 3
    frames = (training + test) * seconds * sum(settings.fps) / len(settings.fps)
    return _estimated(training, test, frames, None, "means of its settings `render`")


def _spliced(settings: SpliceSettings) -> Size:
    training = settings.train_normal + settings.train_fight
    test = settings.test_normal + settings.test_fight
    seconds = sum(settings.clips) / 2 * sum(settings.seconds) / 2
    frames = (training + test) * seconds * settings.fps
    return _estimated(training, test, frames, None, "means of its settings `splice`")


def _published(dataset: Dataset) -> Size:
    settings = parse(RecordedSettings, dataset.settings, dataset.key)
    with PUBLISHED.open(newline="") as opened:
        rows = {row["dataset"]: row for row in csv.DictReader(opened)}
    row = rows.get(dataset.source)
    if row is None:
        raise FusevadError(
            f"{dataset.key}: {PUBLISHED} does not say how many frames it has; add a line, or make"
            " its manifest"
        )
    size = float(row["bytes"]) if row["bytes"] else None
    training, test, assumed = _parts(dataset.key, settings.chosen(settings.split))
    return _estimated(training, test, float(row["frames"]), size, row["source"], assumed)


def _parts(key: str, split: SplitSettings) -> tuple[float, float, list[str]]:
    """Training and test videos, and what is assumed where only their sum is published."""
    training, test = split.train.videos, split.test.videos
    if training is not None and test is not None:
        return training, test, []
    if split.videos is None:
        raise FusevadError(
            f"{key}: its settings do not say how many videos it has; add their number, or make its"
            " manifest"
        )
    return split.videos / 2, split.videos / 2, ["half of its videos for training"]


def _estimated(
    training: float,
    test: float,
    frames: float,
    size: float | None,
    source: str,
    parts: Sequence[str] = (),
) -> Size:
    """The size of a data set of known means; on average a video's last segment is half full."""
    videos = training + test
    segments = frames / SEGMENT_FRAMES + videos / 2
    assumed = [
        *parts,
        "test videos as long as others",
        f"longest video {LONGEST:.0f} times the mean",
    ]
    assumed += [] if size is not None else [f"{FRAME_BYTES} bytes a frame"]
    return Size(
        videos,
        training,
        frames,
        segments,
        segments * test / videos,
        LONGEST * segments / videos,
        FRAME_BYTES * frames if size is None else size,
        f"{source}; assumed: {', '.join(assumed)}",
    )


def sizes_of(datasets: Iterable[Dataset]) -> dict[str, Size]:
    """The sizes of data sets by their key."""
    return {each.key: size_of(each, Path(f"results/{each.key}/manifest.csv")) for each in datasets}
