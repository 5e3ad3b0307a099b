"""Read and check the two tables that every origin of videos writes: labels and intervals."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from fusevad.data.numbers import whole_number
from fusevad.data.spreadsheets import sheet_rows
from fusevad.errors import FusevadError, notice
from fusevad.printable import check_printable
from fusevad.spelling import one_spelling

NORMAL = "normal"
# Rows of tables that average over classes; no class is called so.
MEAN, ALL_CLASSES = "mean", "all classes"
# Characters of a class's name, which methods with a text tower read.
_LONGEST = 1000
SPLITS = ("train", "test")

PastEnd = Literal["stop", "clip"]

# Video, one class, start and end of an interval.
_Shown = tuple[str, str, int, int]

# safetensors stores its metadata under this name, among the tensors of videos.
_RESERVED = "__metadata__"
_LABEL_COLUMNS = ["video", "split", "class", "path"]
INTERVAL_COLUMNS = ["video", "class", "start", "end"]


@dataclass(frozen=True, slots=True)
class Interval:
    """An anomaly of a test video: frames [start, end) that show `label`."""

    video: str
    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Label:
    """A row of `labels.csv`; `path` is relative to the working directory if below it."""

    name: str
    split: str
    classes: tuple[str, ...]
    path: Path


class Labelled(Protocol):
    """What intervals are checked against: a label, or a video of the manifest."""

    name: str
    split: str
    classes: tuple[str, ...]


def read_intervals(path: Path) -> dict[str, list[Interval]]:
    """Read a table of anomalies: video, class, start, end in frames, half-open; grouped by video.

    Raises:
        FusevadError: the file is missing, a cell is empty or not a whole number, or an interval
            starts before its video, is empty or shows a class that is there twice.
    """
    result: dict[str, list[Interval]] = {}
    seen: set[_Shown] = set()
    for line, cells in _rows(path, INTERVAL_COLUMNS):
        try:
            video, name, start, end = map(_filled, cells)
            first, last = _span(whole_number(start), whole_number(end))
        except ValueError as error:
            raise FusevadError(
                f"{path}: line {line} is not video, class, start, end in whole frames ({error});"
                " correct it"
            ) from error
        video, name = one_spelling(video), one_spelling(name)
        new = Interval(video, name, first, last)
        kept = [one for each in each_once([new], seen) for one in each.label.split(";")]
        if twice := Counter(name.split(";")) - Counter(kept):
            raise FusevadError(
                f"{path}: line {line}: class {', '.join(twice)} of interval {first}-{last} of video"
                f" {video} is there twice, and would count as two; leave one of them"
            )
        result.setdefault(video, []).append(new)
    return result


def each_once(intervals: Iterable[Interval], seen: set[_Shown] | None = None) -> list[Interval]:
    """Intervals without those classes that an equal interval of their video shows already.

    Args:
        intervals: in the order in which they count.
        seen: what others show, which these are added to.
    """
    seen, result = set() if seen is None else seen, []
    for each in intervals:
        names = []
        for name in each.label.split(";"):
            shown = (each.video, name, each.start, each.end)
            if shown not in seen:
                seen.add(shown)
                names.append(name)
        if names:
            result.append(replace(each, label=";".join(names)))
    return result


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a table, see `sheet_rows`; errors name the table."""
    if not path.is_file():
        raise FusevadError(f"{path}: no such file; run the stage that makes it first")
    try:
        yield from sheet_rows(path, columns)
    except (OSError, ValueError) as error:
        raise FusevadError(f"{path}: not a table of {', '.join(columns)} ({error})") from error


def _span(start: int, end: int) -> tuple[int, int]:
    """Both ends of an interval.

    Raises:
        ValueError: it starts before the video or is empty.
    """
    if start < 0:
        raise ValueError(f"{start}-{end} starts before the video; frames count from 0")
    if end <= start:
        raise ValueError(f"{start}-{end} is empty; the end is the first frame after the anomaly")
    return start, end


def _filled(cell: str) -> str:
    """The text of a cell.

    Raises:
        ValueError: it is empty.
    """
    if not cell:
        raise ValueError("an empty cell")
    return cell


def read_labels(path: Path) -> list[Label]:
    """Read a table of videos: video, split, class, path relative to the table's folder.

    Raises:
        FusevadError: the file is missing, a cell is empty or invalid, or a name or file occurs
            twice, in one split or, which is a leak, in both.
    """
    labels = []
    for line, cells in _rows(path, _LABEL_COLUMNS):
        if not all(cells):
            raise FusevadError(f"{path}: line {line} has an empty cell; fill it in")
        name, split, classes, file = cells
        name, classes = one_spelling(name), one_spelling(classes)
        names = checked_classes(f"{path}: line {line}", name, split, classes, file)
        labels.append(Label(name, split, names, _relative(path.parent / file)))
    if not labels:
        raise FusevadError(f"{path}: no videos in the table; add some")
    check_together(path, labels)
    return labels


def check_together(path: Path, labels: list[Label]) -> None:
    """Check the videos of a table, or of another place, against each other.

    Raises:
        FusevadError: a name or file occurs twice, in one split or, which is a leak, in both, or two
            classes differ only in capitals.
    """
    _check_unique(path, labels)
    _check_capitals(path, labels)


def checked_classes(where: str, name: str, split: str, classes: str, file: str) -> tuple[str, ...]:
    """Check what a table says of a video; return its classes.

    Args:
        where: names the table and the line.
        name: of the video.
        split: `train` or `test`.
        classes: joined by ';'.
        file: its path.

    Raises:
        FusevadError: the name can't be a file's, or a value is invalid.
    """
    for cell in (name, split, classes, file):
        check_kept(cell, where)
    if name == _RESERVED:
        raise FusevadError(
            f"{where}: a video called {name}, which is reserved in files of embeddings; rename it"
        )
    if "/" in name or name in (".", "..") or name != name.strip():
        raise FusevadError(
            f"{where}: video name {name!r} can't be a file name; remove '/' and outer spaces"
        )
    if split not in SPLITS:
        raise FusevadError(
            f"{where}: video {name} has the unknown split {split!r}; use train or test"
        )
    names = tuple(part.strip() for part in classes.split(";"))
    mixed = NORMAL in names and len(names) > 1
    if "" in names or mixed or len(set(names)) < len(names):
        raise FusevadError(
            f"{where}: video {name} has the class {classes!r}; use {NORMAL}, or anomaly classes "
            "joined by ';', each once"
        )
    for each in names:
        if "," in each:
            raise FusevadError(
                f"{where}: video {name} has the class {each!r}, whose comma divides columns of"
                " scores; leave it out"
            )
        if len(each) > _LONGEST:
            raise FusevadError(
                f"{where}: video {name} has a class whose name has {len(each)} characters; shorten"
                f" it to at most {_LONGEST}"
            )
        if each.casefold() == NORMAL != each:
            raise FusevadError(
                f"{where}: video {name} has the class {each!r}, which would count as an anomaly;"
                f" write {NORMAL!r}"
            )
        if each.casefold() in (MEAN, ALL_CLASSES):
            raise FusevadError(
                f"{where}: video {name} has the class {each!r}, as tables call an average over"
                " classes; rename it"
            )
        check_printable(each, f"{where}: the class of video {name}")
    return names


def check_kept(cell: str, where: str) -> None:
    """Raise `FusevadError` unless tables keep the text of a cell, which `where` names."""
    kinds = {unicodedata.category(character) for character in cell}
    for kind, what in (("Cc", "a control character"), ("Cs", "bytes that are not UTF-8")):
        if kind in kinds:
            raise FusevadError(f"{where}: {cell!r} has {what}, which tables don't keep; rename it")


def _relative(path: Path) -> Path:
    """Make a path relative to the working directory if below it; keep links as they are."""
    absolute = Path(os.path.abspath(path))
    here = Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def _check_unique(path: Path, labels: list[Label]) -> None:
    for what, values in (
        ("video name", [(label.name, label.split) for label in labels]),
        ("file", [(os.path.realpath(label.path), label.split) for label in labels]),
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


def _check_capitals(path: Path, labels: Iterable[Label]) -> None:
    """Raise `FusevadError` if two classes differ only in capitals."""
    spelled: dict[str, str] = {}
    for name in (name for label in labels for name in label.classes):
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            raise FusevadError(
                f"{path}: classes {other!r} and {name!r} would be two; write both alike"
            )


def check_intervals(path: Path, intervals: Sequence[Interval], labels: Iterable[Labelled]) -> None:
    """Check intervals against the videos' labels.

    Raises:
        FusevadError: an interval belongs to no anomalous test video or has another class, or some
            anomalous test videos have intervals and one has none.
    """
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
    covered = {interval.video for interval in intervals}
    for label in known.values() if covered else ():
        if label.split == "test" and label.classes != (NORMAL,) and label.name not in covered:
            raise FusevadError(
                f"{path}: no interval for the anomalous test video {label.name}; add at least one"
            )


def within_videos(
    path: Path, intervals: list[Interval], frames: dict[str, int], past_end: PastEnd
) -> list[Interval]:
    """Handle intervals that end after their video.

    Args:
        path: the table, for messages.
        intervals: only intervals of videos in `frames` are checked.
        frames: number of frames by video.
        past_end: `stop` raises; `clip` ends them with the video, or drops those that begin after
            it, with a warning on stderr; of those that this makes equal, one is kept.

    Raises:
        FusevadError: an interval ends after its video with `stop`, or a video has none left.
    """
    kept = []
    for interval in intervals:
        count = frames.get(interval.video, interval.end)
        if interval.end <= count:
            kept.append(interval)
            continue
        where = f"{path}: interval {interval.start}-{interval.end} of video {interval.video}"
        ends = f"ends after the video's {count} frames"
        if past_end == "stop":
            raise FusevadError(f"{where}: {ends}; correct it")
        inside = interval.start < count
        notice(f"warning: {where}: {ends}, {'clipped' if inside else 'dropped'}")
        if inside:
            kept.append(replace(interval, end=count))
    left = {interval.video for interval in kept}
    for interval in intervals:
        if interval.video not in left:
            raise FusevadError(
                f"{path}: all intervals of video {interval.video} start after its"
                f" {frames[interval.video]} frames; get the video or its annotations again"
            )
    return each_once(kept)
