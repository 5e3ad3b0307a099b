"""Read the results of a video again: they may be damaged by now, or somebody else's."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from fusevad.deploy.contents import Threshold
from fusevad.deploy.detector import HIGHEST, LOWEST
from fusevad.errors import FusevadError
from fusevad.evaluate.history import SCORE
from fusevad.evaluate.score_table import check_size
from fusevad.evaluate.settings import AlarmSettings
from fusevad.files import sha256
from fusevad.found_videos import EVENTS, PARQUET, has_results
from fusevad.hash_tables import listed_hashes
from fusevad.parsing import parse, read_noted

_WHOLE = ("segment", "start_frame", "end_frame")
_REAL = ("start_seconds", "end_seconds", SCORE, LOWEST, HIGHEST)


@dataclass(frozen=True, slots=True)
class Model:
    """The model that scored a video, as its bundle says."""

    experiment: str
    label: str
    dataset: str


@dataclass(frozen=True, slots=True)
class MadeWith:
    """The parts of `results.identity` that are read again."""

    model_sha256: str
    threshold: Threshold
    code: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of `events.json` that are read again."""

    model: Model
    rules: AlarmSettings
    made_with: MadeWith


def read_facts(folder: Path, model_sha256: str) -> Facts | None:
    """What the results of a video say of themselves; None if they are not of this model.

    Other programs write files of that name, too.

    Raises:
        FusevadError: they are damaged.
    """
    if not has_results(folder):
        return None
    values: Any = read_noted(folder / EVENTS)
    made_with = values.get("made_with") if isinstance(values, dict) else None
    if not isinstance(made_with, dict) or made_with.get("model_sha256") != model_sha256:
        return None
    return parse(Facts, values, str(folder / EVENTS))


def read_segments(folder: Path) -> pd.DataFrame:
    """The table of segments in the results of a video, compared with its hash.

    Raises:
        FusevadError: it is missing, damaged, or no such table.
    """
    file = folder / PARQUET
    again = f"delete {folder} and score the video again"
    try:
        if listed_hashes(folder).get(PARQUET) != sha256(file):
            raise ValueError("other bytes than listed")
        check_size(file)
        with file.open("rb") as stream:  # pyarrow opens no names that are not UTF-8
            table = parquet.read_table(stream).to_pandas(ignore_metadata=True)
    except (FusevadError, OSError, ValueError, MemoryError, pyarrow.ArrowException) as error:
        raise FusevadError(f"{file}: missing or damaged; {again}") from error
    if (fault := _fault(table)) is not None:
        raise FusevadError(f"{file}: {fault}; {again}")
    return table


def _fault(table: pd.DataFrame) -> str | None:
    """Why a table is not of the segments of a video; None if it is."""
    for name in (*_WHOLE, *_REAL):
        if name not in table or table.columns.duplicated().any():
            return f"no column {name}, or one twice"
    for name in table:
        if table[name].dtype.kind != ("i" if name in _WHOLE else "f"):
            return f"column {name} of other values than numbers"
    if table.empty or not np.isfinite(table.to_numpy(np.float64)).all():
        return "no segments, or numbers that are none"
    starts, ends = table["start_seconds"].to_numpy(), table["end_seconds"].to_numpy()
    in_order = (ends >= starts).all() and np.array_equal(starts[1:], ends[:-1])
    if not in_order or not np.array_equal(table["segment"], np.arange(len(table))):
        return "segments that are not one after another"
    if not table[[SCORE, LOWEST, HIGHEST]].stack().between(0, 1).all():
        return "scores outside 0..1"
    return None
