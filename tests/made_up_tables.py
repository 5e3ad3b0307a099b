"""Tables of the data stage with rows that a test makes up, and tables read row by row."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import write_csv

_COLUMNS = {
    "manifest": [
        "video",
        "path",
        "split",
        "classes",
        "frames",
        "fps",
        "width",
        "height",
        "sha256",
        "variable_rate",
    ],
    "intervals": ["video", "class", "start", "end"],
    "skipped": ["video", "path", "reason"],
}


def write_table(folder: Path, name: str, rows: Iterable[Sequence[object]] = ()) -> None:
    """Write `folder/NAME.csv`; its columns follow `manifest`, `intervals` or `skipped`.

    A row of a manifest may leave `variable_rate` out: the rate is constant. A hash may be any
    short text.
    """
    if name == "manifest":
        rows = [row if len(row) == len(_COLUMNS[name]) else (*row, False) for row in rows]
        rows = [(*row[:8], _digest(str(row[8])), row[9]) for row in rows]
    write_csv(pd.DataFrame(list(rows), columns=_COLUMNS[name]), folder / f"{name}.csv")


def _digest(text: str) -> str:
    """A hash as it is; of any other text, its own."""
    return text if len(text) == 64 else hashlib.sha256(text.encode()).hexdigest()


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, all cells as text."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))
