"""A column of scores in a text file, read only if it says plainly which score is whose."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.evaluate.imported.settings import ScoreSettings
from fusevad.files import check_size

Floats = NDArray[np.float64]
_SCORE = "score"
# Headings of columns that count frames or segments, and of others whose numbers ascend.
_NUMBERED = "[ _-]?(index|idx|number|num|no|nr)"
_SEGMENTS = re.compile(rf"(segment|snippet)([ _-]?id|{_NUMBERED})?|clip{_NUMBERED}")
_FRAMES = re.compile(rf"frame([ _-]?id|{_NUMBERED})?|start([ _-]?frame)?")
_RISING = re.compile(
    r"index|idx|row|(start|end)[ _-]?(time|seconds)|end([ _-]?frame)?|time([ _-]?stamp)?"
)
_FIRST = (0, 1)
# Headings of columns that say whose the score of a row is.
_OWNERS = re.compile(r"(video|clip|file)([ _-]?(name|id|path))?|name|path")
_NUMBER = re.compile(
    r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE
)
# Bytes: more than any list or table of scores has.
LARGEST_TEXT = 100 << 20
_LONGEST_LINE = 10_000


@dataclass(slots=True)
class Column:
    """Scores of a file.

    Attributes:
        values: the scores.
        owners: the rows' names of videos, each with the number of rows that have it one after the
            other; empty if the rows name none.
        from_one: places in `owners` of videos whose rows are numbered 1, 2, ...: they may count
            from 1, or lack the first one. 0 is the file's only or first video.
    """

    values: Floats = field(default_factory=lambda: np.empty(0))
    owners: list[tuple[str, int]] = field(default_factory=list)
    from_one: set[int] = field(default_factory=set)


def read_column(path: Path, settings: ScoreSettings) -> Column:
    """A column of numbers: the only one, or the one with the heading `score`."""
    check_size(path, LARGEST_TEXT)
    with path.open(encoding="utf-8-sig") as file:
        rows = _filled(map(_cells, file))
        first = next(rows, [])
        heads = [cell.casefold() for cell in first]
        if _SCORE not in heads:
            if len(first) > 1:
                raise ValueError("several columns, none with the heading 'score'")
            return Column(np.fromiter(map(_number, chain(first, _only(rows))), np.float64))
        if len(set(heads)) < len(heads):
            raise ValueError("two columns with one heading")
        column = Column()
        scores = _of_scores(heads, _noting_owners(heads, rows, column.owners), column, settings)
        column.values = np.fromiter(map(_number, scores), np.float64)
        return column


def _noting_owners(
    heads: Sequence[str], rows: Iterable[list[str]], owners: list[tuple[str, int]]
) -> Iterator[list[str]]:
    """The rows, whose names of videos are added to `owners`."""
    named = [place for place, head in enumerate(heads) if _OWNERS.fullmatch(head)]
    if len(named) > 1:
        raise ValueError(f"two columns of videos, {heads[named[0]]} and {heads[named[1]]}")
    for cells in _whole_rows(rows, len(heads)):
        for name in (cells[place] for place in named):
            if owners and owners[-1][0] == name:
                owners[-1] = name, owners[-1][1] + 1
            else:
                owners.append((name, 1))
        yield cells


def _filled(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """Rows without empty ones before and after them; one between may be a score that is missing."""
    begun = ended = False
    for cells in rows:
        if cells and ended:
            raise ValueError("an empty line between scores")
        begun, ended = begun or bool(cells), begun and not cells
        if cells:
            yield cells


def _of_scores(
    heads: Sequence[str],
    rows: Iterable[list[str]],
    column: Column,
    settings: ScoreSettings,
) -> Iterator[str]:
    """Cells of the column of scores; a column that counts the rows says that none is missing.

    It may begin anew with each video; `column.owners` grows as rows are read. Without one, numbers
    of other columns must ascend; beside one, they may be the time that a frame took.
    """
    step = settings.segment_frames if settings.form == "per-segment" else 1
    counts = [
        _Count(head, place, {1} if _SEGMENTS.fullmatch(head) else {1, step})
        for place, head in enumerate(heads)
        if _SEGMENTS.fullmatch(head) or _FRAMES.fullmatch(head)
    ]
    # Without names, one file of all videos does not say where they begin.
    told = not counts and (settings.order is None or any(map(_OWNERS.fullmatch, heads)))
    rising = [place for place, head in enumerate(heads) if told and _RISING.fullmatch(head)]
    for cells in _in_order(heads, rising, rows, column.owners):
        for count in counts:
            count.go_on(_number(cells[count.place]), max(len(column.owners) - 1, 0))
        yield cells[heads.index(_SCORE)]
    column.from_one = set().union(*(count.from_one() for count in counts))


def _in_order(
    heads: Sequence[str],
    rising: Sequence[int],
    rows: Iterable[list[str]],
    owners: Sequence[tuple[str, int]],
) -> Iterator[list[str]]:
    """The rows, whose numbers in some columns ascend, or begin anew with a video or its crop."""
    began: dict[int, tuple[int, float]] = {}
    last: dict[int, float] = {}
    for cells in rows:
        video = len(owners)
        for place in rising:
            if not _NUMBER.fullmatch(cells[place]):
                continue  # as of a clock, 00:00:01
            number = float(cells[place])
            if place not in began or began[place][0] != video:
                began[place] = video, number
            elif number < last[place] and number != began[place][1]:
                raise ValueError(f"{heads[place]} {number:g} comes after {last[place]:g}")
            last[place] = number
        yield cells


@dataclass(slots=True)
class _Count:
    """A column that counts the rows of each video, or goes on through all of them.

    Attributes:
        head: its heading.
        place: its place in a row.
        widths: from one row to the next.
        video: place of the row's video in `Column.owners`.
        last: number of the row.
        begun: video and number of the row where the counting began.
        ones: videos where it began with 1 and went on by 1.
        anew: whether it began anew with a video, certainly.
    """

    head: str
    place: int
    widths: Set[int]
    video: int = 0
    last: float | None = None
    begun: tuple[int, float] = (0, 0)
    ones: set[int] = field(default_factory=set)
    anew: bool = False

    def go_on(self, number: float, video: int) -> None:
        """Check that no frame or segment is missing before this one.

        Args:
            number: of the row.
            video: of the row.

        Raises:
            ValueError: one is.
        """
        follows = self.last is not None and number - self.last in self.widths
        if self.last is None or (video > self.video and number in _FIRST):
            if number not in _FIRST:
                raise ValueError(f"{self.head} {number:g} is not the first")
            self.begun = video, number
            self.anew = self.anew or (self.last is not None and not follows)
        elif not follows:
            raise ValueError(f"{self.head} {number:g} is not the one after {self.last:g}")
        else:
            self.widths = {number - self.last}
        if self.begun[1] == 1 and (_SEGMENTS.fullmatch(self.head) or number == 2):
            self.ones.add(self.begun[0])
        self.last, self.video = number, video

    def from_one(self) -> set[int]:
        """As in `Column`; a first video of one row, 0, may be followed by 1 in one count."""
        return self.ones if self.anew else self.ones & {0}


def _only(rows: Iterable[list[str]]) -> Iterator[str]:
    return (cells[0] for cells in _whole_rows(rows, 1))


def _whole_rows(rows: Iterable[list[str]], width: int) -> Iterator[list[str]]:
    for cells in rows:
        if len(cells) != width:
            raise ValueError(f"a row of {len(cells)} cells, expected {width}")
        yield cells


def _cells(line: str) -> list[str]:
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"a line of {len(line)} characters")
    if not line.strip():
        return []
    return [cell.strip() for cell in (_quoted(line) if '"' in line else line.split(","))]


def _quoted(line: str) -> list[str]:
    try:
        return next(csv.reader([line.strip()], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ValueError(f"quotes that do not end in their line: {line.strip()[:20]!r}") from error


def _number(cell: str) -> float:
    """A number as programs write it: `float` also takes `1_0` and digits of other scripts."""
    if not _NUMBER.fullmatch(cell):
        raise ValueError(f"{cell[:20]!r} is not a number")
    return float(cell)
