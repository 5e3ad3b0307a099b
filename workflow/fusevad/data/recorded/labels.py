"""Stage `data` for real videos: labels and intervals from the published lists."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pandas as pd
from tqdm import tqdm

from fusevad.csv_tables import write_csv
from fusevad.data.label_tables import NORMAL
from fusevad.data.made_videos import finish_videos, list_videos, resume_videos, videos_folder
from fusevad.data.recorded.convert import to_video
from fusevad.data.recorded.formats import Annotation, read_annotations
from fusevad.data.recorded.inventory import Inventory, RawVideo
from fusevad.data.recorded.settings import LabelSettings, LayoutSettings, RecordedSettings
from fusevad.data.recorded.split import Listed, class_of, read_split
from fusevad.errors import FusevadError, notice

_INTERVAL_COLUMNS = ["video", "class", "start", "end"]


def make_labels(
    folder: Path,
    settings: RecordedSettings,
    split: str,
    out_folder: Path,
    need_videos: bool = True,
    on_bad_video: Literal["stop", "skip"] = "stop",
) -> None:
    """Write `labels.csv` and `intervals.csv` of a data set to `out_folder`.

    Frame folders and event streams become lossless videos in `out_folder/videos`; a killed run
    resumes with the next video. Intervals may end after their video: the manifest, which knows its
    length, clips them.

    Args:
        folder: the raw data, in the publisher's layout.
        settings: section `recorded:` of the data set.
        split: `official` or `released`.
        out_folder: where the tables go.
        need_videos: false if features replace the videos: their paths are then the names.
        on_bad_video: `stop`, or `skip` videos that are missing or can't be converted: their paths
            then name no file, so that the manifest leaves them out.

    Raises:
        FusevadError: lists or annotations are missing or disagree with each other or with the
            expected numbers, or, with `stop`, videos are missing or unreadable.
    """
    chosen = settings.chosen(split)
    inventory = Inventory.of(folder)
    videos, problems = read_split(inventory, chosen, settings.labels)
    if problems:
        raise FusevadError(f"{folder}: split {split}: {problems[0]}; fusevad verify names more")
    path = inventory.find(chosen.annotations.file)
    annotations = read_annotations(path, chosen.annotations)
    videos, spans = join(path, videos, annotations, settings.labels)
    paths = [video.name for video in videos]
    if need_videos:
        found = inventory.raw_videos(settings.layout, [video.name for video in videos])
        if on_bad_video == "stop":
            _check_there(folder, videos, found)
        files = _as_videos(videos, found, settings.layout, out_folder, on_bad_video)
        paths = [_relative(file, out_folder) for file in files]
    labels = [
        (video.name, video.part, ";".join(video.classes), path)
        for video, path in zip(videos, paths, strict=True)
    ]
    write_csv(pd.DataFrame(spans, columns=_INTERVAL_COLUMNS), out_folder / "intervals.csv")
    columns = ["video", "split", "class", "path"]
    write_csv(pd.DataFrame(labels, columns=columns), out_folder / "labels.csv")
    if need_videos and settings.layout.converts:
        finish_videos(out_folder)


def _check_there(folder: Path, videos: list[Listed], found: dict[str, RawVideo]) -> None:
    missing = [video.name for video in videos if video.name not in found]
    if missing:
        raise FusevadError(
            f"{folder}: {len(missing)} of {len(videos)} videos are missing, the first is"
            f" {missing[0]}; get them, or run fusevad verify for all names"
        )


def join(
    path: Path,
    videos: Iterable[Listed],
    annotations: dict[str, Annotation],
    labels: LabelSettings,
) -> tuple[list[Listed], list[tuple[str, str, int, int]]]:
    """Add the annotations' classes to the videos; return them and the rows of `intervals.csv`.

    Raises:
        FusevadError: an anomalous test video has no anomaly, a normal one has one, or a class
            differs; names the annotations' `path`.
    """
    joined, rows = [], []
    for video in videos:
        if video.part == "test":
            annotation = annotations.get(video.name, Annotation((), ()))
            video = _with_annotation(path, video, annotation, labels)
            for span in annotation.spans:
                names = ";".join(video.classes)
                if span.label is not None:
                    names = class_of(span.label, labels, f"{path}: video {video.name}")
                rows.append((video.name, names, span.start, span.end))
        joined.append(video)
    return joined, rows


def _with_annotation(
    path: Path, video: Listed, annotation: Annotation, labels: LabelSettings
) -> Listed:
    where = f"{path}: video {video.name}"
    classes = [class_of(label, labels, where) for label in annotation.labels]
    if classes and video.classes[0] not in classes:
        raise FusevadError(
            f"{where} is annotated as {', '.join(classes)} but labelled {';'.join(video.classes)};"
            " get the lists and annotations again"
        )
    if video.anomalous != bool(annotation.spans):
        state = (
            "anomalous but has no interval" if video.anomalous else f"{NORMAL} but has intervals"
        )
        raise FusevadError(f"{where} is {state}; get the lists and annotations again")
    return Listed(video.name, video.part, tuple(dict.fromkeys([*video.classes, *classes])))


def _as_videos(
    videos: list[Listed],
    found: dict[str, RawVideo],
    layout: LayoutSettings,
    out_folder: Path,
    on_bad_video: Literal["stop", "skip"],
) -> list[Path]:
    """A video file for each video; converted ones are in `out_folder/videos`."""
    files = {
        video.name: found[video.name].files[0] if video.name in found else out_folder / video.name
        for video in videos
    }
    if not layout.converts:
        return list(files.values())
    progress, whole = resume_videos(out_folder)
    made = [found[name] for name in files if name in found and found[name].kind != "video"]
    converted = []
    for raw in tqdm(made, desc="lossless videos", unit="video", file=sys.stderr, disable=not made):
        try:
            path = to_video(raw, layout, progress, whole).relative_to(progress)
            files[raw.name] = videos_folder(out_folder) / path
            converted.append(path.as_posix())
        except FusevadError as error:
            if on_bad_video == "stop":
                raise
            notice(f"warning: video {raw.name} is left out: {error}")
            files[raw.name] = out_folder / raw.name
    list_videos(out_folder, converted)
    return list(files.values())


def _relative(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file, folder)).as_posix()
