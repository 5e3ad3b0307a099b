"""The labelled videos of a folder tree, or of a table of labels."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fusevad.data.label_tables import (
    NORMAL,
    SPLITS,
    Label,
    check_kept,
    check_together,
    checked_classes,
)
from fusevad.data.names import listed_name
from fusevad.data.spreadsheets import sheet_rows
from fusevad.errors import FusevadError
from fusevad.found_videos import video_files
from fusevad.paths import fits_a_disk, is_shown
from fusevad.spelling import one_spelling

ANOMALOUS, ANOMALY = "anomalous", "anomaly"  # the folder, and the class of videos right in it
_NUMBERED = re.compile(r"(?:[_\-. ()]+\d+)+[). ]*$")
_COLUMNS, _OPTIONAL = ("video", "label"), ("split", "source")


@dataclass(frozen=True, slots=True)
class Found:
    """A labelled video.

    Attributes:
        name: its path within the folder, with _ in place of /, without suffix.
        classes: only `normal`, or the names of anomaly classes.
        source: the camera or film that it comes from.
        split: `train` or `test`, if the table says so.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    source: str
    split: str | None = None

    @property
    def anomalous(self) -> bool:
        """Whether it shows an anomaly of any class."""
        return self.classes != (NORMAL,)


def find_labelled(place: Path) -> list[Found]:
    """The videos of a folder `normal/`, `anomalous/CLASS/`, or of a CSV, sorted by name.

    Raises:
        FusevadError: one line: there is no such place, it has no videos, a class has none, all are
            normal or all anomalous, or two videos have one name.
    """
    if place.is_dir():
        found = list(_of_folder(place))
    elif place.is_file():
        found = list(_of_table(place))
    else:
        raise FusevadError(
            f"{place}: no such folder or table; name a folder with {NORMAL}/ and {ANOMALOUS}/, or"
            " a CSV of video and label"
        )
    for label, missing in ((NORMAL, False), (ANOMALOUS, True)):
        if not any(video.anomalous is missing for video in found):
            raise FusevadError(
                f"{place}: no {label} videos; a detector learns from normal and anomalous ones,"
                f" so add {label} videos"
            )
    _check_names(place, found)
    return sorted(found, key=lambda video: video.name)


def source_of(parts: Sequence[str], stem: str) -> str:
    """The camera or film of a video: its folder below the class, or else its name.

    Args:
        parts: folders below the class, or of a table below the folder that has all videos.
        stem: file name without suffix; numbers at its end, after a separator, are left out.

    >>> source_of((), "front-door_2024-05-01"), source_of(("cam1", "May"), "001")
    ('front-door', 'cam1/May')
    """
    return one_spelling("/".join(parts) or _NUMBERED.sub("", stem) or stem)


def _of_folder(folder: Path) -> Iterator[Found]:
    for top in (NORMAL, ANOMALOUS):
        if not (folder / top).is_dir():
            raise FusevadError(
                f"{folder}: no folder {top}/ in it; put videos into {NORMAL}/ and into"
                f" {ANOMALOUS}/CLASS/, or give a table of labels"
            )
    yield from (_in_folder(folder, path, (NORMAL,), 1) for path in video_files(folder / NORMAL))
    anomalous = folder / ANOMALOUS
    videos: dict[Path, list[Path]] = defaultdict(list)
    for path in video_files(anomalous):
        videos[anomalous.joinpath(*path.relative_to(anomalous).parts[:-1][:1])].append(path)
    yield from (_in_folder(folder, path, (ANOMALY,), 1) for path in videos[anomalous])
    for inner in sorted(anomalous.iterdir()):
        if not (inner.is_dir() and is_shown(inner.name)):
            continue
        if inner not in videos:
            raise FusevadError(f"{inner}: no videos of its own; add some, or remove the folder")
        if inner.name.strip() == NORMAL:
            raise FusevadError(f"{inner}: an anomaly class can't be called {NORMAL}; rename it")
        yield from (_in_folder(folder, path, (inner.name,), 2) for path in videos[inner])


def _in_folder(folder: Path, path: Path, classes: tuple[str, ...], depth: int) -> Found:
    """A video `depth` folders below `folder`, or deeper."""
    inside = path.relative_to(folder)
    name = _name(inside.as_posix())
    # Its class is checked and spelled as in any table of labels.
    label = one_spelling(";".join(classes))
    classes = checked_classes(str(path), name, "train", label, str(path))
    return Found(name, path, classes, source_of(inside.parts[depth:-1], path.stem))


def _of_table(table: Path) -> Iterator[Found]:
    try:
        rows = list(sheet_rows(table, _COLUMNS, _OPTIONAL))
    except (OSError, ValueError) as error:
        raise FusevadError(
            f"{table}: not a table of video, label and, if you like, split and source ({error})"
        ) from error
    paths = [os.path.abspath(table.parent / cells[0]) for _, cells in rows if cells[0]]
    shared = Path(os.path.commonpath(map(os.path.dirname, paths))) if paths else table.parent
    for line, cells in rows:
        yield _row(table, shared, line, *cells)


def _row(
    table: Path, shared: Path, line: int, video: str, label: str, split: str, source: str
) -> Found:
    """A row; `shared` is the folder that has all videos, whose own path tells no cameras apart."""
    where = f"{table}: line {line}"
    if not (video and label):
        raise FusevadError(f"{where}: an empty cell; fill in video and label")
    if split and split not in SPLITS:
        raise FusevadError(f"{where}: the unknown split {split!r}; use train or test, or nothing")
    path, folder = Path(os.path.abspath(table.parent / video)), Path(os.path.abspath(table.parent))
    if not (fits_a_disk(str(path)) and path.is_file()):
        raise FusevadError(f"{where}: {table.parent / video}: no such file; correct its path")
    # Names begin in the table's folder, unless videos are outside.
    name = _name(path.relative_to(folder if shared.is_relative_to(folder) else shared).as_posix())
    classes = checked_classes(where, name, split or "train", one_spelling(label), video)
    check_kept(source, where)
    told = source_of(path.relative_to(shared).parts[:-1], path.stem)
    return Found(name, table.parent / video, classes, one_spelling(source) or told, split or None)


def _name(path: str) -> str:
    return listed_name(str(PurePosixPath(path).with_suffix("")))


def _check_names(place: Path, found: Sequence[Found]) -> None:
    """Raise `FusevadError` if videos don't go together, or some but not all have a split."""
    named: dict[str, Path] = {}
    for video in found:
        other = named.setdefault(video.name, video.path)
        if other is not video.path:
            raise FusevadError(
                f"{video.path}: both this and {other} would be video {video.name}; rename one"
            )
    check_together(
        place,
        [Label(video.name, video.split or "train", video.classes, video.path) for video in found],
    )
    unsplit = [video.name for video in found if video.split is None]
    if 0 < len(unsplit) < len(found):
        raise FusevadError(
            f"{place}: video {unsplit[0]} has no split, but others have; fill in all or none"
        )
