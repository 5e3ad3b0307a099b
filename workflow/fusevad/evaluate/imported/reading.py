"""Files of scores that other people's detectors gave, as one score a frame of every test video."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fusevad.arrays import read_npy
from fusevad.data.truth import LabelledVideo
from fusevad.errors import FusevadError, message_of
from fusevad.evaluate.imported.columns import Column, Floats, read_column
from fusevad.evaluate.imported.order import check_complete, listed_videos, video_of
from fusevad.evaluate.imported.settings import SUFFIXES, ScoreSettings
from fusevad.files import check_size
from fusevad.paths import shown_entries

# Bytes: the scores of ten days of frames.
_LARGEST_ARRAY = 1 << 28


@dataclass(frozen=True, slots=True)
class GivenScores:
    """Scores of one video as given.

    Attributes:
        file: that has them.
        values: a score a frame or a segment.
        from_one: whether they are numbered 1, 2, ...; see `Column`.
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
    for path in sorted(shown_entries(folder)):
        name = video_of(path.name, names) if path.suffix in SUFFIXES else None
        if name is None:
            continue
        if name in files:
            raise FusevadError(f"{path}: video {name} is also in {files[name]}; remove one")
        files[name] = path
    check_complete(folder, names, files)
    given, bad = {}, {}
    for name, path in files.items():
        try:
            column = _column(path, settings)
            _check_owners(column, [name], [len(column.values)])
            given[name] = GivenScores(path, column.values, bool(column.from_one))
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
    listed = listed_videos(order, names)
    try:
        column = _column(file, settings)
    except (ValueError, OSError) as error:
        reason = message_of(error)
        raise FusevadError(f"{file}: unreadable scores ({reason}); export them again") from error
    values = column.values
    known = _lengths([len(names[name].labels) for name in listed], settings)
    fitting = {what: each for what, each in known.items() if sum(each) == len(values)}
    if not fitting:
        expected = ", ".join(f"{sum(each)} ({what})" for what, each in known.items())
        raise FusevadError(
            f"{file}: {len(values)} scores for the {len(listed)} videos of {order}, expected"
            f" {expected}; correct `form`, `segment_frames` or the list"
        )
    lengths = _only(fitting, column, file)
    try:
        _check_owners(column, listed, lengths)
    except ValueError as error:
        raise FusevadError(f"{file}: {error}; correct the table or {order}") from error
    parts = np.split(values, np.cumsum(lengths)[:-1])
    return {
        name: GivenScores(file, part, place in column.from_one)
        for place, (name, part) in enumerate(zip(listed, parts, strict=True))
    }


def _only(fitting: Mapping[str, list[int]], column: Column, file: Path) -> list[int]:
    """Of numbers of scores that fit an array, the ones that its rows confirm, or the only ones.

    Raises:
        FusevadError: there are several, and rows name no videos.
    """
    found = list(fitting.values())
    if column.owners:
        owned = [length for _, length in column.owners]
        return next((each for each in found if each == owned), found[0])
    if any(each != found[0] for each in found):
        raise FusevadError(
            f"{file}: {len(column.values)} scores fit the list in two ways"
            f" ({'; '.join(fitting)}); export a file for each video"
        )
    return found[0]


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
        found = video_of(owner, known)
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
    elif not min(frames, max(1, frames // size) * size) <= len(values) <= segments * size:
        return f"{len(values)} scores, expected {frames} frames"
    if not np.isfinite(values).all():
        return f"{int((~np.isfinite(values)).sum())} of {len(values)} are not finite"
    return None


def _named(problems: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({why})" for name, why in problems.items())
