"""CCTV-Fights: `groundtruth.json`, in the form of ActivityNet.

`{"database": {NAME: {"subset": ..., "frame_rate": ..., "annotations": [{"label": "Fight",
"segment": [start, end]}, ...]}, ...}}`, for the videos of all subsets. Times are seconds from the
beginning, so the frame of a time is `time x frame_rate`, rounded to the nearest, counted from 0;
the end is the first frame after the fight. A fight shorter than a frame is one frame.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from fusevad import json_text
from fusevad.data.recorded.formats.common import Annotation, Span, add
from fusevad.data.spreadsheets import list_text
from fusevad.errors import FusevadError
from fusevad.files import read_limited
from fusevad.parsing import parse

_Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class _Fight:
    """A fight; other keys do not matter here."""

    label: str
    segment: tuple[_Seconds, _Seconds]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is read of a video's entry."""

    subset: str
    frame_rate: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
    annotations: tuple[_Fight, ...]


@dataclass(frozen=True, slots=True)
class _File:
    """The file; its key `version`, if there is one, does not matter."""

    database: dict[str, _Entry]


def read(path: Path) -> dict[str, Annotation]:
    """Annotations by video name."""
    found: dict[str, Annotation] = {}
    for name, entry in _entries(path).items():
        spans = tuple(_span(fight, entry.frame_rate, path, name) for fight in entry.annotations)
        labels = tuple(dict.fromkeys(fight.label for fight in entry.annotations))
        add(found, name, Annotation(labels, spans), str(path))
    return found


def read_subsets(path: Path) -> dict[str, str]:
    """The subset of each video, by its name.

    Raises:
        FusevadError: the file does not have this format.
    """
    return {name: entry.subset for name, entry in _entries(path).items()}


def _entries(path: Path) -> dict[str, _Entry]:
    try:
        values = json_text.load(list_text(read_limited(path)))
    except (OSError, ValueError, RecursionError) as error:
        raise FusevadError(f"{path}: no readable JSON ({error}); get the file again") from error
    return parse(_File, values, str(path)).database


def _span(fight: _Fight, rate: float, path: Path, name: str) -> Span:
    start, end = fight.segment
    if start >= end:
        raise FusevadError(
            f"{path}: video {name}: a fight from second {start:g} to {end:g} is empty; get the file"
            " again"
        )
    first, after = (int(second * rate + 0.5) for second in (start, end))
    return Span(first, max(after, first + 1), fight.label)
