"""`fusevad verify`: compare the files of a data set with the expected ones."""

from functools import partial
from pathlib import Path

from fusevad.data.label_tables import SPLITS
from fusevad.data.recorded.convert import check_raw_video
from fusevad.data.recorded.formats import read_annotations
from fusevad.data.recorded.inventory import Inventory, RawVideo
from fusevad.data.recorded.labels import join
from fusevad.data.recorded.settings import (
    AnnotationSettings,
    LabelSettings,
    LayoutSettings,
    RecordedSettings,
)
from fusevad.data.recorded.split import Listed, class_counts, read_split
from fusevad.errors import FusevadError
from fusevad.parallel import in_processes
from fusevad.video.decode import probe

OFFICIAL = "official"
_MOST_LINES = 100


def verify(
    dataset: str, folder: Path, settings: RecordedSettings, split: str, workers: int
) -> list[str]:
    """Compare the files of a data set with a split and its expected numbers.

    Lists and annotations are read, names and files compared, every video is decoded to its end.
    The released split is also compared with the official one: if it trains on an official test
    video, that is a leak.

    Args:
        dataset: name of the data set, for `fusevad fetch`.
        folder: the raw data, in the publisher's layout.
        settings: section `recorded:` of the data set.
        split: `official` or `released`.
        workers: number of decoding processes.

    Returns:
        A line for each problem; none if all is well.
    """
    chosen = settings.chosen(split)
    try:
        inventory = Inventory.of(folder)
        videos, problems = read_split(inventory, chosen, settings.labels)
    except FusevadError as error:
        return [str(error)]
    problems += _check_annotations(inventory, chosen.annotations, videos, settings.labels)
    known = {video.name for video in videos}
    if split != OFFICIAL and OFFICIAL in settings.splits:
        try:
            official, wrong = read_split(inventory, settings.splits[OFFICIAL], settings.labels)
        except FusevadError as error:
            problems.append(f"leaks are unknown without the official split: {error}")
        else:
            problems += [f"leaks are uncertain: official split: {problem}" for problem in wrong]
            problems += _compare_splits(official, videos)
            known |= {video.name for video in official}
    try:
        raw_videos = inventory.raw_videos(settings.layout, sorted(known))
    except FusevadError as error:
        return [*problems, str(error)]
    problems += _compare_files(dataset, videos, raw_videos)
    extra = sorted(set(raw_videos) - known)
    problems += _some([f"extra: {raw_videos[name].files[0]} is not in the split" for name in extra])
    there = [raw_videos[video.name] for video in videos if video.name in raw_videos]
    return problems + _unreadable(there, settings.layout, workers)


def _check_annotations(
    inventory: Inventory,
    annotations: AnnotationSettings,
    videos: list[Listed],
    labels: LabelSettings,
) -> list[str]:
    try:
        path = inventory.find(annotations.file)
        join(path, videos, read_annotations(path, annotations), labels)
    except FusevadError as error:
        return [f"annotations: {error}"]
    return []


def _compare_splits(official: list[Listed], videos: list[Listed]) -> list[str]:
    """A line for each video whose part differs from the official one."""
    parts = {video.name: video.part for video in videos}
    lines = {
        ("test", "train"): "leak: {} is an official test video but trained on",
        ("train", "test"): "moved: {} is an official training video but tested on",
        ("train", None): "left out: {} is an official training video but in no part",
        ("test", None): "left out: {} is an official test video but in no part",
    }
    changes = [(video.name, (video.part, parts.get(video.name))) for video in official]
    return [
        line.format(name)
        for key, line in lines.items()
        for name, change in changes
        if change == key
    ]


def _compare_files(
    dataset: str, videos: list[Listed], raw_videos: dict[str, RawVideo]
) -> list[str]:
    problems = []
    for part in SPLITS:
        listed = [video for video in videos if video.part == part]
        there = [video for video in listed if video.name in raw_videos]
        if len(there) < len(listed):
            problems.append(
                f"{part}: {len(there)} of {len(listed)} videos are there; fusevad fetch {dataset}"
                " brings the others, or says how to get them"
            )
        wanted, found = class_counts(listed), class_counts(there)
        problems += [
            f"{part}: {found.get(name, 0)} of {number} videos of class {name} are there"
            for name, number in sorted(wanted.items())
            if found.get(name, 0) < number
        ]
        missing = [video.name for video in listed if video.name not in raw_videos]
        problems += _some([f"missing: {name} ({part})" for name in missing])
    return problems


def _unreadable(raw_videos: list[RawVideo], layout: LayoutSettings, workers: int) -> list[str]:
    check = partial(_read_all, layout=layout)
    outcomes = in_processes(check, raw_videos, workers, "decoding videos", "video")
    return [f"unreadable: {outcome}" for outcome in outcomes if outcome is not None]


def _read_all(raw: RawVideo, layout: LayoutSettings) -> str | None:
    """The problem with the files of a raw video, if any."""
    try:
        if raw.kind == "video":
            probe(raw.files[0])
        else:
            check_raw_video(raw, layout)
    except FusevadError as error:
        return str(error)
    return None


def _some(lines: list[str]) -> list[str]:
    """The first lines; an empty folder does not deserve thousands of lines."""
    if len(lines) <= _MOST_LINES:
        return lines
    kind = lines[0].split(":")[0]
    return [*lines[:_MOST_LINES], f"{kind}: {len(lines) - _MOST_LINES} more"]
