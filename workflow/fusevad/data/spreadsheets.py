"""Tables and lists that people saved with a spreadsheet or an editor.

Excel writes a semicolon or a tab between cells, a line `sep=;`, UTF-16, empty rows and columns and
blanks around cells, by country and by menu entry.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fusevad.files import read_limited

_LARGEST, _LONGEST_LINE = 1 << 28, 1 << 16
_SEPARATORS = (",", ";", "\t")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# First bytes of .xlsx, which is a ZIP archive, and of .xls.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_SAVE = "save it as 'CSV UTF-8'"
_SAYS_SEPARATOR = re.compile(r"sep=.")


def list_text(content: bytes, errors: str = "strict") -> str:
    """A text in UTF-8, or in UTF-16 if its first bytes say so, without a byte order mark.

    Raises:
        UnicodeDecodeError: it is neither, and `errors` is `strict`.
    """
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    return content.decode(encoding, errors)


def sheet_rows(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Line number and the cells of `columns`, in this order, of every row that is not empty.

    Cells are stripped; a cell that its row lacks is empty. Names of columns may be in capitals.
    Cells of `optional` columns follow, empty where the table has no such column.

    Raises:
        OSError: the file can't be read.
        ValueError: it is no such table; says why, and what to do about a workbook.
    """
    text = _table_text(path)
    separator = _separator(text, columns)
    places: list[int | None] | None = None
    width = 0
    try:
        table = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        for row in table:
            cells = [cell.strip() for cell in row]
            if not any(cells) or (places is None and _says_separator(row)):
                continue
            if places is None:
                names, width = [cell.casefold() for cell in cells], len(cells)
                _check_once(names, (*columns, *optional))
                places = [
                    names.index(column) if column in names else None
                    for column in (*columns, *optional)
                ]
                continue
            if any(cells[width:]):
                raise ValueError(f"line {table.line_num} has more cells than there are columns")
            cells += [""] * (width - len(cells))
            yield table.line_num, ["" if place is None else cells[place] for place in places]
    except csv.Error as error:
        raise ValueError(f"after line {table.line_num}: {error}") from error


def _check_once(names: Sequence[str], columns: Sequence[str]) -> None:
    twice = next((column for column in columns if names.count(column) > 1), None)
    if twice is not None:
        raise ValueError(f"two columns {twice}; remove one")


def _table_text(path: Path) -> str:
    content = read_limited(path, _LARGEST)
    if content.startswith(_WORKBOOKS):
        raise ValueError(f"a workbook, not a table of text; {_SAVE}")
    try:
        text = list_text(content)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start}); {_SAVE}") from error
    if "\0" in text:
        raise ValueError("a NUL character")
    if any(len(line) > _LONGEST_LINE for line in text.splitlines()):
        raise ValueError(f"a line of more than {_LONGEST_LINE} characters")
    return text


def _says_separator(row: Sequence[str]) -> bool:
    """Whether a row is Excel's note on the separator, whatever separates this table."""
    return bool(_SAYS_SEPARATOR.fullmatch(row[0])) or row[:2] == ["sep=", ""]


def _separator(text: str, columns: Sequence[str]) -> str:
    """The separator by which the first filled line names all columns.

    Raises:
        ValueError: there is none.
    """
    lines = (line for line in text.splitlines() if line.strip(' ,;\t"'))
    head = next((line for line in lines if not line.startswith("sep=")), "")
    missing: Sequence[str] = columns
    for separator in _SEPARATORS:
        names = {cell.strip().casefold() for cell in next(csv.reader([head], delimiter=separator))}
        lacking = [column for column in columns if column not in names]
        if not lacking:
            return separator
        missing = min(missing, lacking, key=len)
    raise ValueError(f"no column {', '.join(missing)}")
