"""Files of scores that other people's detectors gave, as one score a frame of every test video."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fusevad.arrays import read_npy
from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError, message_of
from fusevad.evaluate.imported.columns import LARGEST_TEXT, Column, Floats, read_column
from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.files import check_size
from fusevad.spelling import one_spelling

_SUFFIXES = (".npy", ".csv", ".txt")
# What published lists and files have between a video's name and the suffix.
_ENDING = re.compile(r"(_i3d|_c3d|_C|__\d+)\Z")
# Where a line of a list may end a video's name: nowhere, at a comma, at a space.
_CUTS = (re.compile(r"\Z"), re.compile(","), re.compile(r"[,\s]"))
# Bytes: the scores of ten days of frames.
_LARGEST_ARRAY = 1 << 28


@dataclass(frozen=True, slots=True)
class GivenScores:
    """Scores of one video as given.

    Attributes:
        file: that has them.
        values: a score a frame or a segment.
        from_one: as in `Column`.
    """

    file: Path
    values: Floats
    from_one: bool = False


def read_scores(
    place: Path, videos: Sequence[LabelledVideo], settings: ScoreSettings
) -> dict[str, GivenScores]:
    """Scores of all test videos.

    Args:
        place: folder with a file a video (`VIDEO.npy`, `.csv` or `.txt`), anywhere below it; or
            one file, with `settings.order`.
        videos: the test videos.
        settings: what the numbers are.

    Raises:
        FusevadError: videos are missing, a file is unreadable or has a wrong number of scores, or
            scores are no numbers: all such videos are named.
    """
    given = (
        _from_list(place, videos, settings)
        if settings.order
        else _from_folder(place, videos, settings)
    )
    wrong = {
        video.name: why
        for video in videos
        if (why := _fault(given[video.name], len(video.labels), settings))
    }
    if wrong:
        raise FusevadError(
            f"{place}: scores of {len(wrong)} of {len(videos)} test videos do not fit:"
            f" {_named(wrong)}; export them again, or correct `form` or `segment_frames`"
        )
    return given


def by_frame(values: Floats, frames: int, settings: ScoreSettings) -> Floats:
    """One score a frame: the last score is repeated for missing frames, frames too many are cut."""
    if settings.form == "per-segment":
        values = values.repeat(settings.segment_frames)
    numbers = np.minimum(np.arange(frames), len(values) - 1)
    return values[numbers]


def transformed(
    scores: Mapping[str, Floats], place: Path, settings: ScoreSettings
) -> dict[str, Floats]:
    """Scores in [0, 1].

    Raises:
        FusevadError: they are not, and no transform is stated.
    """
    lowest = min(float(values.min()) for values in scores.values())
    highest = max(float(values.max()) for values in scores.values())
    if settings.transform == "sigmoid":
        return {name: expit(values) for name, values in scores.items()}
    if settings.transform == "range":
        if lowest == highest:
            raise FusevadError(f"{place}: all scores are {lowest:g}; export them again")
        width = highest - lowest
        return {name: (values - lowest) / width for name, values in scores.items()}
    if lowest < 0 or highest > 1:
        raise FusevadError(
            f"{place}: scores from {lowest:g} to {highest:g}, not in [0, 1]; set transform: sigmoid"
            " if they are logits, or transform: range"
        )
    return dict(scores)


def _from_folder(
    folder: Path, videos: Sequence[LabelledVideo], settings: ScoreSettings
) -> dict[str, GivenScores]:
    if not folder.is_dir():
        raise FusevadError(
            f"{folder}: no such folder of scores; correct `scores`, or name in `order` the list by"
            " which one file is read"
        )
    names = {video.name for video in videos}
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = _video(path.name, names) if path.suffix in _SUFFIXES else None
        if name is None:
            continue
        if name in files:
            raise FusevadError(f"{path}: video {name} is also in {files[name]}; remove one")
        files[name] = path
    _require_all(folder, names, files)
    given, bad = {}, {}
    for name, path in files.items():
        try:
            column = _column(path, settings)
            _check_owners(column, [name], [len(column.values)])
            given[name] = GivenScores(path, column.values, column.from_one)
        except (ValueError, OSError) as error:
            bad[name] = message_of(error)
    if bad:
        raise FusevadError(
            f"{folder}: scores of {len(bad)} of {len(videos)} test videos are unreadable:"
            f" {_named(bad)}; export them again"
        )
    return given


def _from_list(
    file: Path, videos: Sequence[LabelledVideo], settings: ScoreSettings
) -> dict[str, GivenScores]:
    """Cut one array into videos, in the order of a list."""
    order = Path(settings.order or "")
    names = {video.name: video for video in videos}
    listed = _listed(order, names)
    try:
        column = _column(file, settings)
    except (ValueError, OSError) as error:
        reason = message_of(error)
        raise FusevadError(f"{file}: unreadable scores ({reason}); export them again") from error
    values = column.values
    known = _lengths([len(names[name].labels) for name in listed], settings)
    lengths = next((each for each in known.values() if sum(each) == len(values)), None)
    if lengths is None:
        expected = ", ".join(f"{sum(each)} ({what})" for what, each in known.items())
        raise FusevadError(
            f"{file}: {len(values)} scores for the {len(listed)} videos of {order}, expected"
            f" {expected}; correct `form`, `segment_frames` or the list"
        )
    try:
        _check_owners(column, listed, lengths)
    except ValueError as error:
        raise FusevadError(f"{file}: {error}; correct the table or {order}") from error
    parts = np.split(values, np.cumsum(lengths)[:-1])
    return {
        name: GivenScores(file, part, column.from_one)
        for name, part in zip(listed, parts, strict=True)
    }


def _lengths(frames: Sequence[int], settings: ScoreSettings) -> dict[str, list[int]]:
    """Numbers of scores that the videos may have in one array, by what is done with the tail."""
    size = settings.segment_frames
    segments = {
        "with incomplete last segments": [-(-count // size) for count in frames],
        "without": [max(1, count // size) for count in frames],
    }
    if settings.form == "per-segment":
        return segments
    whole = {
        f"whole segments of {size}, {what}": [size * count for count in counts]
        for what, counts in segments.items()
    }
    return {"frames": list(frames)} | whole


def _listed(order: Path, names: Mapping[str, object]) -> list[str]:
    """Videos of a list, each once: its lines begin with a path or a name.

    A video takes the lines that name it most plainly, so that `b 2.mp4` and `b__2.mp4`, which are
    no test videos, are no lines of `b` where it has one of its own.

    Raises:
        FusevadError: the list is unreadable, lacks a video, or has one again after others.
    """
    try:
        check_size(order, LARGEST_TEXT)
        lines = order.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise FusevadError(f"{order}: unreadable list of videos; correct `order`") from error
    found = [named for line in lines if (named := _named_by(line.strip(), names))]
    plainest: dict[str, int] = {}
    for name, rank in found:
        plainest[name] = min(rank, plainest.get(name, rank))
    listed = [name for name, _ in groupby(name for name, rank in found if rank == plainest[name])]
    again = next((name for name, times in Counter(listed).items() if times > 1), None)
    if again is not None:
        raise FusevadError(f"{order}: video {again} is there again after others; correct `order`")
    _require_all(order, names, listed)
    return listed


def _named_by(line: str, names: Mapping[str, object]) -> tuple[str, int] | None:
    """The video that a line names, and how plainly: 0 is its name alone."""
    for place, cut in enumerate(_CUTS):
        for literal, name in _readings(cut.split(line)[0]):
            if name in names:
                return name, 2 * place + (not literal)
    return None


def _video(path: str, names: Mapping[str, object] | set[str]) -> str | None:
    """The video that a path or a file's name means."""
    return next((name for _, name in _readings(path) if name in names), None)


def _readings(path: str) -> Iterator[tuple[bool, str]]:
    """Names that a path may mean, and whether without leaving out more than a suffix of files."""
    file = one_spelling(path.replace("\\", "/").rpartition("/")[2])
    stems = [file.removesuffix(suffix) for suffix in ("", *_SUFFIXES, ".mp4", ".avi")]
    yield from ((True, stem) for stem in stems)
    yield from ((False, _ENDING.sub("", stem)) for stem in stems)


def _require_all(place: Path, names: Mapping[str, object] | set[str], found: object) -> None:
    missing = [name for name in sorted(names) if name not in found]  # type: ignore[operator]
    if missing:
        raise FusevadError(
            f"{place}: no scores of {len(missing)} of {len(names)} test videos:"
            f" {', '.join(missing)}; add them, or leave these videos out of the labels"
        )


def _column(path: Path, settings: ScoreSettings) -> Column:
    """Numbers of a file, one after the other."""
    if path.suffix != ".npy":
        column = read_column(path, settings)
    else:
        array = _array(path)
        if array.size != max(array.shape, default=0) or not array.size:
            raise ValueError(f"an array of {' x '.join(map(str, array.shape)) or 'one number'}")
        column = Column(array.reshape(-1).astype(np.float64))
    if not column.values.size:
        raise ValueError("no scores")
    return column


def _check_owners(column: Column, videos: Sequence[str], lengths: Sequence[int]) -> None:
    """Check that the rows name these videos, one after the other, if they name any.

    Raises:
        ValueError: a row names another.
    """
    if not column.owners:
        return
    known = set(videos)
    row = 0
    expected = iter(zip(videos, lengths, strict=True))
    for owner, length in column.owners:
        video, rows = next(expected, ("", 0))
        found = _video(owner, known)
        if found != video or length != rows:
            raise ValueError(
                f"rows {row + 1} to {row + length} are of {owner[:100]!r}, expected"
                f" {rows} of {video or 'no other video'}"
            )
        row += length


def _array(path: Path) -> NDArray[np.generic]:
    check_size(path, _LARGEST_ARRAY)
    with path.open("rb") as file:
        return read_npy(file, _LARGEST_ARRAY)


def _fault(given: GivenScores, frames: int, settings: ScoreSettings) -> str | None:
    """What is wrong with a video's scores."""
    values, size = given.values, settings.segment_frames
    segments = -(-frames // size)
    whole = segments if settings.form == "per-segment" else frames
    if given.from_one and len(values) < whole:
        return f"{len(values)} scores numbered from 1, expected {whole}: number 0 may be missing"
    if settings.form == "per-segment":
        if len(values) not in (segments, segments - 1):
            return f"{len(values)} scores, expected {segments} or {segments - 1} segments"
    elif not frames // size * size <= len(values) <= segments * size:
        return f"{len(values)} scores, expected {frames} frames"
    if not np.isfinite(values).all():
        return f"{int((~np.isfinite(values)).sum())} of {len(values)} are not finite"
    return None


def _named(problems: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({why})" for name, why in problems.items())
