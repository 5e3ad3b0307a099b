"""The videos of a split, and the classes of each."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fusevad.data.label_tables import NORMAL, SPLITS
from fusevad.data.recorded.inventory import Inventory
from fusevad.data.recorded.settings import LabelSettings, ListSettings, PartSettings, SplitSettings
from fusevad.errors import FusevadError
from fusevad.spelling import one_spelling


@dataclass(frozen=True, slots=True)
class Listed:
    """A video of a split: its part (`train` or `test`) and its classes, or only `normal`."""

    name: str
    part: str
    classes: tuple[str, ...]

    @property
    def anomalous(self) -> bool:
        """Whether it shows an anomaly of any class."""
        return self.classes != (NORMAL,)


def read_split(
    inventory: Inventory, split: SplitSettings, labels: LabelSettings
) -> tuple[list[Listed], list[str]]:
    """The videos of a split, train first, in the order of its lists, and the split's problems.

    Returns:
        The videos, and a line for each number or hash of names that differs from the expected one.

    Raises:
        FusevadError: a list cannot be read, or a video is in both parts or has an unknown label.
    """
    names = {part: _names(inventory, getattr(split, part).lists) for part in SPLITS}
    both = sorted(set(names["train"]) & set(names["test"]))
    if both:
        raise FusevadError(
            f"{inventory.folder}: {len(both)} videos are in train and in test, the first is"
            f" {both[0]}; get the lists again"
        )
    classes = read_classes(inventory, labels, [*names["train"], *names["test"]])
    videos = [Listed(name, part, classes[name]) for part in SPLITS for name in names[part]]
    problems = [
        problem
        for part in SPLITS
        for problem in _differences(
            part, getattr(split, part), [video for video in videos if video.part == part]
        )
    ]
    if split.videos not in (None, len(videos)):
        problems.append(f"the lists name {len(videos)} videos instead of {split.videos}")
    return videos, problems


def read_classes(
    inventory: Inventory, labels: LabelSettings, names: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """The classes of videos, only `normal` for normal videos.

    Raises:
        FusevadError: a video has no label, different ones or an unknown one, which is never taken
            for anomalous.
    """
    if labels.in_name is not None:
        expression = re.compile(labels.in_name)
        matches = {name: expression.search(name) for name in names}
    else:
        labelled = _labelled(inventory, labels)
        matches = {name: labelled.get(name) for name in names}
    # A part of the expression may be optional.
    without = [name for name, match in matches.items() if match is None or match["label"] is None]
    if without:
        raise FusevadError(
            f"{inventory.folder}: {len(without)} videos have no label, the first is {without[0]};"
            " get the lists again or correct `labels` in the data set's settings"
        )
    return {name: _classes(name, match["label"], labels) for name, match in matches.items()}


def _labelled(inventory: Inventory, labels: LabelSettings) -> dict[str, re.Match[str]]:
    """The match of each video's first line in the lists of labels.

    Raises:
        FusevadError: another line says that the video is of other classes.
    """
    found: dict[str, tuple[str, re.Match[str]]] = {}
    for settings in labels.lists:
        for where, name, match in inventory.read_list(settings):
            if match["label"] is None:
                continue
            there, first = found.setdefault(name, (where, match))
            label, before = match["label"], first["label"]
            if label == before:
                continue
            if set(_classes(name, label, labels)) != set(_classes(name, before, labels)):
                raise FusevadError(
                    f"{where}: video {name} is labelled {label!r}, but {before!r} in {there}; get"
                    " the lists again"
                )
    return {name: match for name, (_, match) in found.items()}


def class_of(label: str, labels: LabelSettings, where: str) -> str:
    """The class of a label.

    Raises:
        FusevadError: the label is unknown.
    """
    classes = {one_spelling(key): name for key, name in labels.names.items()}
    label = one_spelling(label)
    if label not in classes:
        known = ", ".join(classes)
        raise FusevadError(
            f"{where}: unknown label {label!r}; correct it, or add it to `labels.names` in the data"
            f" set's settings (known: {known})"
        )
    return classes[label]


def names_sha256(names: Iterable[str]) -> str:
    """SHA-256 of the sorted names, each followed by a line feed."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


def class_counts(videos: Iterable[Listed]) -> dict[str, int]:
    """Number of videos of each class; a video with several classes counts in each."""
    return dict(Counter(name for video in videos for name in video.classes))


def _names(inventory: Inventory, lists: tuple[ListSettings, ...]) -> list[str]:
    return list(dict.fromkeys(name for each in lists for name in inventory.listed(each)))


def _classes(name: str, label: str, labels: LabelSettings) -> tuple[str, ...]:
    parts = label.split(labels.separator) if labels.separator else [label]
    parts = [part for part in parts if part not in labels.ignored]
    classes = tuple(dict.fromkeys(class_of(part, labels, f"video {name}") for part in parts))
    if not classes or (NORMAL in classes and len(classes) > 1):
        raise FusevadError(f"video {name}: label {label!r} is no class, or both normal and one")
    return classes


def _differences(part: str, expected: PartSettings, videos: list[Listed]) -> list[str]:
    problems = []
    if expected.videos not in (None, len(videos)):
        problems.append(f"{part}: the lists name {len(videos)} videos instead of {expected.videos}")
    counts = class_counts(videos)
    wanted = counts if expected.classes is None else expected.classes
    numbers = {one_spelling(name): number for name, number in wanted.items()}
    problems += [
        f"{part}: the lists name {counts.get(name, 0)} videos of class {name} instead of {number}"
        for name, number in _pairs(numbers, counts)
        if counts.get(name, 0) != number
    ]
    found = names_sha256(video.name for video in videos)
    if expected.names_sha256 not in (None, found):
        problems.append(
            f"{part}: the names of its videos have the SHA-256 {found} instead of"
            f" {expected.names_sha256}"
        )
    return problems


def _pairs(expected: Mapping[str, int], counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Expected and found number of each class; 0 is expected for other classes."""
    return [(name, expected.get(name, 0)) for name in sorted({*expected, *counts})]
