"""Tables of segments' scores (`scores.parquet` and the like), checked before they are read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import compute, parquet

from fusevad.errors import FusevadError
from fusevad.evaluate.history import SCORE
from fusevad.evaluate.parquet_footer import row_groups
from fusevad.video.settings import SEGMENT_FRAMES

# A run of equal values takes no bytes: a small file may have any number of rows, and a text of any
# length, and its end may lie about both. Ten seeds of XD-Violence have 4.4 million rows, and a row
# less than 100 bytes; their scores differ, so that many rows have at least a byte each.
_MOST_ROWS, _FEW_ROWS, _SMALL, _ROW = 50_000_000, 2_000_000, 100 << 20, 100
# Likewise of cells, which are numbers of 4 or 8 bytes in memory; less than half are equal ones.
_FEW_CELLS, _CELLS_A_BYTE = 32_000_000, 4
# Snappy, which pandas writes, unpacks a byte to 22 at most; the others unpack one to thousands.
_CODECS = ("snappy", "uncompressed")
_TEXTS = ("protocol", "part", "video")
_WHOLE = ("seed", "segment", "start", "end")


def read_score_table(path: Path, part: str, value: str | None = None) -> pd.DataFrame:
    """Read a table of scores: seed, `part`, video, segment, start, end, score and other columns.

    Args:
        path: the table.
        part: column that divides it, `protocol` or `part`.
        value: read only its rows with this value; all by default.

    Returns:
        The rows as they are stored.

    Raises:
        FusevadError: it is missing, damaged, or no table of scores of whole videos.
    """
    again = "evaluate the run again"
    if not path.is_file():
        raise FusevadError(f"{path}: no such file; evaluate the run first")
    try:
        check_size(path)
        _check_columns(parquet.read_schema(path), part)
        stored = _rows(path, part, value)
        # What a file says to pandas of its columns may be damaged, or name one of them an index.
        table = stored.to_pandas(ignore_metadata=True)
        texts = [name for name in _TEXTS if name in table]
        table = table.astype(dict.fromkeys(texts, object))
    except (OSError, MemoryError, pyarrow.ArrowException) as error:
        raise FusevadError(f"{path}: unreadable scores; {again}") from error
    except ValueError as error:
        raise FusevadError(f"{path}: not the scores of a run ({error}); {again}") from error
    place = ["seed", part, "video", "segment"]
    if not table[SCORE].between(0, 1).all() or table[[*place, "start", "end"]].isna().any(
        axis=None
    ):
        raise FusevadError(f"{path}: a score outside 0..1, or an empty cell; {again}")
    if not _shares(table.drop(columns=[*texts, *_WHOLE])):
        raise FusevadError(f"{path}: a weight or probability outside 0..1, or missing; {again}")
    ordered = table[[*place, "start", "end"]].sort_values(place)
    wrong = ordered[ordered["segment"] != ordered.groupby(place[:-1]).cumcount()]
    if not wrong.empty:
        name = wrong["video"].iloc[0]
        raise FusevadError(f"{path}: video {name}: segments are missing or there twice; {again}")
    _check_frames(path, ordered)
    return table


def _shares(values: pd.DataFrame) -> bool:
    """Whether all are in 0..1; a weight can be rounded beyond 1."""
    return all(column.between(0, 1 + 1e-5).all() for _, column in values.items())


def _check_frames(path: Path, ordered: pd.DataFrame) -> None:
    """Check the frames of whole videos, by segment: only a last one may be shorter.

    Raises:
        FusevadError: they are of other segments.
    """
    segment, start, end = (ordered[name].to_numpy() for name in ("segment", "start", "end"))
    last = np.append(segment[1:] == 0, True)[: len(segment)]
    length = end - start
    right = (length == SEGMENT_FRAMES) | (last & (length > 0) & (length < SEGMENT_FRAMES))
    wrong = ordered[(start != SEGMENT_FRAMES * segment) | ~right]
    if not wrong.empty:
        name = wrong["video"].iloc[0]
        raise FusevadError(
            f"{path}: video {name}: frames of other segments; evaluate the run again"
        )


def _rows(path: Path, part: str, value: str | None) -> pyarrow.Table:
    """The rows with a value; each text is in memory once, however many rows have it.

    They are read one after another: with `filters`, pyarrow waits for ever at a damaged page.
    """
    names = parquet.read_schema(path).names
    with parquet.ParquetFile(path, read_dictionary=[n for n in _TEXTS if n in names]) as file:
        schema = file.schema_arrow
        batches = [_having(each, part, value) for each in file.iter_batches(use_threads=False)]
    return pyarrow.Table.from_batches(batches, None if batches else schema)


def _having(batch: pyarrow.RecordBatch, part: str, value: str | None) -> pyarrow.RecordBatch:
    if value is None:
        return batch
    texts = batch.column(part).dictionary_encode()
    wanted = compute.equal(texts.dictionary, value)  # a text may be there twice
    return batch.filter(wanted.take(texts.indices))


def _check_columns(schema: pyarrow.Schema, part: str) -> None:
    """Raise `ValueError` unless a table has the columns of scores, of their types."""
    for name in (*_WHOLE, part, "video", SCORE):
        if name not in schema.names:
            raise ValueError(f"no column {name}")
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("a column twice")
    for each in schema:
        if not _fits(each.type, each.name):
            raise ValueError(f"column {each.name} of type {each.type}")


def check_size(path: Path) -> None:
    """Check from the end of a table of scores what it may unpack to.

    Raises:
        ValueError: saying what is wrong.
    """
    groups, bytes_of_file = row_groups(path), path.stat().st_size
    rows, size = sum(group.rows for group in groups), sum(group.size for group in groups)
    if rows > min(_MOST_ROWS, max(_FEW_ROWS, bytes_of_file)):
        raise ValueError("more rows than any run has")
    cells = sum(group.rows * group.columns for group in groups)
    if cells > max(_FEW_CELLS, bytes_of_file * _CELLS_A_BYTE):
        raise ValueError("more columns than any run has")
    if max(size, bytes_of_file) > max(_SMALL, rows * _ROW):
        raise ValueError("longer texts than any run has")
    for codec in frozenset[str]().union(*(group.codecs for group in groups)):
        if codec not in _CODECS:
            raise ValueError(f"compressed with {codec}, not with snappy")


def _fits(kind: pyarrow.DataType, name: str) -> bool:
    if name in _TEXTS:
        return pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)
    if name in _WHOLE:
        return pyarrow.types.is_integer(kind)
    return pyarrow.types.is_floating(kind)
