"""Shared by all formats: the result, and lines of words and frame numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fusevad.data.names import listed_name
from fusevad.data.numbers import whole_number
from fusevad.data.spreadsheets import list_text
from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.video.settings import VIDEO_SUFFIXES

_NONE = (-1, -1)


@dataclass(frozen=True, slots=True)
class Span:
    """Frames [start, end), from 0, that show `label` (None if the format does not say)."""

    start: int
    end: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """A video's labels (empty if the file has none) and anomalies."""

    labels: tuple[str, ...]
    spans: tuple[Span, ...]


def words(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and words of every line that is not blank.

    Raises:
        FusevadError: the file is missing or not a text file.
    """
    for number, line in enumerate(text_lines(path), start=1):
        if line.strip():
            yield number, line.split()


def text_lines(path: Path) -> list[str]:
    """The lines of a text file.

    Raises:
        FusevadError: the file is missing or not a text file.
    """
    try:
        return list_text(read_limited(path)).splitlines()
    except (OSError, ValueError) as error:
        raise FusevadError(f"{path}: not a readable text file ({error}); get it again") from error


def video_name(file: str) -> str:
    """The name of an annotated video: its file's, without the suffix of a video.

    Data sets of others use a publisher's format for files of any container, and names of videos may
    have dots themselves.
    """
    suffix = PurePosixPath(file).suffix
    return file.removesuffix(suffix) if suffix.lower() in VIDEO_SUFFIXES else file


def pairs(path: Path, number: int, numbers: list[str], first: int) -> list[tuple[int, int]]:
    """First and last frame of each anomaly in a line; pairs of -1 mean none.

    Raises:
        FusevadError: the numbers are not pairs of whole numbers, or an interval ends before it
            begins or begins before the video, whose frames count from `first`.
    """
    try:
        values = [whole_number(each) for each in numbers]
    except ValueError:
        values = []
    if not values or len(values) % 2:
        raise FusevadError(
            f"{path}: line {number} has no pairs of first and last frame; get the file again"
        )
    found = [pair for pair in zip(values[::2], values[1::2], strict=True) if pair != _NONE]
    for start, end in found:
        if not first <= start <= end:
            raise FusevadError(
                f"{path}: line {number}: frames {start} to {end} are not in a video whose frames "
                f" count from {first}; get the file again"
            )
    return found


def add(annotations: dict[str, Annotation], name: str, new: Annotation, where: str) -> None:
    """Add the annotation of a video, by the name that lists give it.

    Raises:
        FusevadError: the video has one already.
    """
    name = listed_name(name)
    if name in annotations:
        raise FusevadError(f"{where}: video {name} is annotated twice; get the file again")
    annotations[name] = new
