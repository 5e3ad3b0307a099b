"""CSV tables between jobs: floats read back unchanged, and each column has values of its kind.

pandas is imported where a table is read: some modules that import this one are read at every start.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Collection
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from fusevad.errors import FusevadError, message_of
from fusevad.files import atomic_path, read_limited

if TYPE_CHECKING:
    import pandas as pd

# Written for a missing number in a table.
_NO_NUMBER = ("", "NA", "N/A", "NaN", "nan", "null")
# Bytes of a table, and of its first line: ten times as many as the largest that is written here.
_LARGEST_TABLE, _LONGEST_HEADER = 1 << 28, 1 << 16
# Columns of whole numbers, and whether a cell may be empty: rows without a seed, or with half an
# epoch, would silently count as others or not at all. A search that diverged has no epoch.
_WHOLE = {"seed": False, "epoch": True}
# A column that is text whoever reads the table: 12e999999999 is no number in it.
_HASH = "sha256"
# An exponent for which pandas's parser, which counts in 32 bits, reads beyond its memory and dies.
_ENDLESS = r"[0-9.][eE][+-]?[0-9]{9}"


def write_csv(frame: pd.DataFrame, final: Path) -> None:
    """Write a table without its index, atomically, with floats that read back unchanged.

    Raises:
        FusevadError: a text, such as the name of a file, is not UTF-8.
    """
    try:
        with atomic_path(final) as temporary:
            frame.to_csv(temporary, index=False)
    except UnicodeEncodeError as error:
        around = error.object[max(error.start - 30, 0) : error.end + 30]
        raise FusevadError(f"{final}: {around!r} is not UTF-8; rename that file") from error


def read_csv(
    path: Path, columns: list[str], text: tuple[str, ...] = (), truths: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Read a table and check that it has `columns`; read `text` columns as strings.

    Columns of `truths` have True or False, `sha256` has texts, all others numbers; a seed or epoch
    is a whole number.

    A video or class may be called NA or null: in a text column only an empty cell is missing. A
    table of text columns alone may have empty rows, as spreadsheets leave them; they are dropped,
    and the other rows keep their numbers.

    Raises:
        FusevadError: the file is missing, is no CSV, lacks a column, or has other values than a
            column's kind.
    """
    import pandas as pd

    if not path.is_file():
        raise FusevadError(f"{path}: no such file; run the stage that makes it first")
    try:
        content, texts = _table_content(path), {*text, _HASH}
        _check_once(content, {*columns, _HASH})
        if re.search(_ENDLESS.encode(), content):
            _check_exponents(content, texts)
        missing_texts = _missing_texts(content, texts)
        frame = pd.read_csv(
            BytesIO(content),
            dtype=dict.fromkeys(texts, str),
            keep_default_na=False,
            na_values=missing_texts,
            skip_blank_lines=not set(columns) <= set(text),
            float_precision="round_trip",
        )
    except (pd.errors.ParserError, ValueError) as error:
        reason = message_of(error)
        raise FusevadError(f"{path}: not a CSV table ({reason}); make it again") from error
    _check_frame(path, frame, columns, text, truths)
    return frame.dropna(how="all") if set(columns) <= set(text) else frame


def _check_frame(
    path: Path,
    frame: pd.DataFrame,
    columns: list[str],
    text: tuple[str, ...],
    truths: tuple[str, ...],
) -> None:
    """See `read_csv`: check that the columns are there, with values of their kinds."""
    import pandas as pd

    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise FusevadError(f"{path}: no column {', '.join(missing)}; make it again")
    # pandas takes the first cells of rows with more cells than columns for names of the rows.
    if not isinstance(frame.index, pd.RangeIndex):
        raise FusevadError(f"{path}: rows with more cells than there are columns; make it again")
    for column in () if frame.empty else set(columns).difference(text):
        kind, what = ("b", "True or False") if column in truths else ("iuf", "numbers")
        if frame[column].dtype.kind not in kind:
            raise FusevadError(f"{path}: column {column}: not all {what}; make it again")
        if column in _WHOLE and not _whole(frame[column], _WHOLE[column]):
            raise FusevadError(f"{path}: column {column}: not all whole numbers; make it again")


def _whole(column: pd.Series, may_lack: bool) -> bool:
    there = column.dropna()
    return (may_lack or len(there) == len(column)) and bool((there % 1 == 0).all())


def _table_content(path: Path) -> bytes:
    """The bytes of a table.

    Raises:
        ValueError: pandas would read them for hours, or cut texts off.
    """
    content = read_limited(path, _LARGEST_TABLE)
    if b"\0" in content:
        raise ValueError("a NUL character")
    if len(_header(content)) > _LONGEST_HEADER:
        raise ValueError("a first line of too many columns")
    return content


def _header(content: bytes) -> bytes:
    """The first line of a table that is not blank: pandas skips those before it."""
    found = re.search(rb"\S[^\r\n]*", content.removeprefix(codecs.BOM_UTF8))
    return found[0] if found else b""


def _check_once(content: bytes, columns: Collection[str]) -> None:
    """Raise `ValueError` if one of the columns is there twice: pandas would take the first."""
    names = next(csv.reader([_header(content).decode(errors="replace")]), [])
    twice = next((name for name in names if name in columns and names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two columns {twice}")


def _check_exponents(content: bytes, text: Collection[str]) -> None:
    """Look at the cells that pandas would take for numbers; hashes in text columns are none.

    Raises:
        ValueError: one has an exponent of nine digits, or a row more cells than there are columns.
    """
    lines = csv.reader(StringIO(content.decode("utf-8-sig"), newline=""))
    try:
        columns = next(lines)
        for cells in lines:
            numbers = [cell for name, cell in zip(columns, cells, strict=False) if name not in text]
            if len(cells) > len(columns) or any(re.search(_ENDLESS, cell) for cell in numbers):
                raise ValueError(f"line {lines.line_num}: a number without end, or too many cells")
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _missing_texts(content: bytes, text: Collection[str]) -> dict[str, list[str]]:
    """Texts that mean a missing value, by column, in the form that pandas takes."""
    import pandas as pd

    columns = pd.read_csv(BytesIO(content), nrows=0).columns
    return {column: [""] if column in text else [*_NO_NUMBER] for column in columns}
