"""MSAD as published: `anomaly_annotation.csv`, which comes with the videos.

Columns name, scenario, total frames, starting frame of anomaly, ending frame of anomaly; anomalous
videos only, of both parts of the split. Frames count from 1 and both ends belong to the anomaly (a
video that is anomalous to its end has its number of frames as the ending frame). Further rows with
the same name are further anomalies.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from fusevad.data.recorded.formats.common import Annotation, Span, pairs, text_lines
from fusevad.errors import FusevadError

_COLUMNS = ("name", "starting frame of anomaly", "ending frame of anomaly")


def read(path: Path) -> dict[str, Annotation]:
    """Annotations by video name."""
    table = csv.DictReader(text_lines(path), skipinitialspace=True)
    missing = [column for column in _COLUMNS if column not in (table.fieldnames or [])]
    if missing:
        raise FusevadError(f"{path}: no column {', '.join(missing)}; get the file again")
    spans: dict[str, list[Span]] = defaultdict(list)
    for row in _rows(table, path):
        name, *numbers = (row[column] or "" for column in _COLUMNS)
        if not any(part.strip() for part in (name, *numbers)):
            continue
        for start, end in pairs(path, table.line_num, numbers, first=1):
            spans[name.strip().removesuffix(".mp4")].append(Span(start - 1, end))
    return {name: Annotation((), tuple(each)) for name, each in spans.items()}


def _rows(table: "csv.DictReader[str]", path: Path) -> Iterator[dict[str, str]]:
    """Rows of the table.

    Raises:
        FusevadError: one can't be read.
    """
    try:
        yield from table
    except csv.Error as error:
        raise FusevadError(
            f"{path}: after line {table.line_num}: {error}; get the file again"
        ) from error
