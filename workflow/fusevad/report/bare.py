"""The tables of a sheet without captions and notes, to `\\input` in a paper.

They need only booktabs. Means, ± and spreads have columns of their own, so that decimal points and
± are aligned.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fusevad.report import latex
from fusevad.report.sheet import (
    DAGGER,
    MISSING,
    Cell,
    Emphasis,
    Formula,
    Line,
    Number,
    Part,
    Row,
    Rules,
    Span,
    Tabular,
)

# Widths of the usual two-column styles, in points.
COLUMN_WIDTH, PAGE_WIDTH = 240, 500
# Width of a character in \small, 9 points high, in points.
_CHARACTER, _PLUS_MINUS, _GAP = 4.7, 11.2, 12.0
# The sheet's notes explain its marks; a tabular for papers has none.
_DAGGER = rf"% Say in your caption: $^{{\dagger}}$ marks {DAGGER}."
_PM = r"@{${}\pm{}$}"


@dataclass(frozen=True, slots=True)
class _Column:
    """The typesetting of one column of a table.

    Attributes:
        split: whether means and spreads have columns of their own.
        numeric: whether its cells are numbers, set flush right.
        mean, spread: largest number of digits before the decimal point.
        width: of the widest cell, in points, estimated.
    """

    split: bool
    numeric: bool
    mean: int
    spread: int
    width: float

    @property
    def places(self) -> int:
        return 2 if self.split else 1


def tables(parts: Sequence[Part]) -> str:
    """The main tables of a sheet, one after another; a comment gives the width of each."""
    main = [part for part in parts if isinstance(part, Tabular) and part.main]
    return "\n".join(_tabular(table) for table in main)


def _tabular(table: Tabular) -> str:
    rows = _rows(table)
    count = table.texts + table.columns
    columns = [_column(rows, place, place < table.texts) for place in range(count)]
    width = sum(column.width for column in columns) + (count - 1) * _GAP
    kinds = ["l"] * table.texts + [_kind(column) for column in columns[table.texts :]]
    return "\n".join(
        [
            f"% Needs booktabs. {_fits(width)}",
            *([_DAGGER] if _has_dagger(rows) else []),
            rf"\begin{{tabular}}{{@{{}}{''.join(kinds)}@{{}}}}",
            r"\toprule",
            *(_row(row, columns, table.texts) for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _has_dagger(rows: Sequence[Row]) -> bool:
    cells = [cell for row in rows if isinstance(row, Line) for cell in row.cells]
    return any(isinstance(cell, Number) and cell.style == "differs" for cell in cells)


def _fits(width: float) -> str:
    if width <= COLUMN_WIDTH:
        where = f"it fits a column of {COLUMN_WIDTH} pt"
    elif width <= PAGE_WIDTH:
        where = r"it needs both columns: \begin{table*}"
    else:
        where = (
            f"it needs a turned page, being wider than {PAGE_WIDTH} pt: \\begin{{sidewaystable}}"
        )
    return rf"In \small about {width:.0f} pt wide: {where}."


def _rows(table: Tabular) -> list[Row]:
    """The rows without those that only the sheet itself shows, and without repeated gaps."""
    kept: list[Row] = []
    for row in table.rows:
        if isinstance(row, Line) and row.alone:
            continue
        if isinstance(row, str) and kept and isinstance(kept[-1], str):
            kept[-1] = "rule" if "rule" in (row, kept[-1]) else row
        else:
            kept.append(row)
    return kept


def _column(rows: Sequence[Row], place: int, text: bool) -> _Column:
    cells = [row.cells[place] for row in rows if isinstance(row, Line) and place < len(row.cells)]
    cells = [cell for cell in cells if not isinstance(cell, Span)]
    body = [row for row in rows if isinstance(row, Line) and not row.head]
    own = [row.cells[place] for row in body if place < len(row.cells)]
    numbers = [cell for cell in own if isinstance(cell, Number)]
    others = [cell for cell in own if not isinstance(cell, Number | Span) and cell != MISSING]
    plain = all(isinstance(cell, str) and re.fullmatch(r"[<\d.,]*", cell) for cell in others)
    return _Column(
        split=any(number.spread for number in numbers),
        numeric=not text and plain,
        mean=max((_whole(number.mean) for number in numbers), default=0),
        spread=max((_whole(number.spread) for number in numbers), default=0),
        width=max(map(_width, cells), default=0),
    )


def _whole(digits: str) -> int:
    return len(digits.partition(".")[0])


def _width(cell: Cell) -> float:
    match cell:
        case Number():
            digits = (len(cell.mean + cell.spread) + cell.marked) * _CHARACTER
            return digits + (_PLUS_MINUS if cell.spread else 0)
        case Formula():
            return len(re.sub("<[^>]*>", "", cell.html)) * _CHARACTER
        case Emphasis():
            return len(cell.text) * _CHARACTER
    return len(cell) * _CHARACTER


def _kind(column: _Column) -> str:
    if column.split:
        return f"r{_PM}l"
    return "r" if column.numeric else "c"


def _row(row: Row, columns: Sequence[_Column], texts: int) -> str:
    match row:
        case Rules():
            pairs = (_physical(first - 1, last, columns) for first, last in row.groups)
            return "".join(rf"\cmidrule(lr){{{first}-{last}}}" for first, last in pairs)
        case Line():
            return _line(row, columns, texts)
    return latex.GAPS[row]


def _physical(first: int, end: int, columns: Sequence[_Column]) -> tuple[int, int]:
    """First and last of the columns `first` to before `end`, in LaTeX's numbering from 1."""
    before = sum(column.places for column in columns[:first])
    return before + 1, before + sum(column.places for column in columns[first:end])


def _line(line: Line, columns: Sequence[_Column], texts: int) -> str:
    cells, place = [], 0
    for cell in line.cells:
        if isinstance(cell, Span):
            first, last = _physical(place, place + cell.columns, columns)
            align = "@{}l" if cell.align == "l" and not place else cell.align
            text = latex.set_cell(cell.text)
            cells.append(rf"\multicolumn{{{last - first + 1}}}{{{align}}}{{{text}}}")
            place += cell.columns
            continue
        if place < texts:
            cells.append(latex.set_cell(cell))
        elif line.head or not isinstance(cell, Number):
            cells.append(_beside(cell, columns[place], line.head))
        else:
            cells.append(_number(cell, columns[place]))
        place += 1
    return " & ".join(cells) + r" \\"


def _beside(cell: Cell, column: _Column, head: bool) -> str:
    """A name, a dash or a text in a column that has numbers in other rows."""
    text = latex.set_cell(cell)
    if column.split or (head and column.numeric):
        return rf"\multicolumn{{{column.places}}}{{c}}{{{text}}}"
    return text


def _number(number: Number, column: _Column) -> str:
    mark = r"$^{\dagger}$" if number.style == "differs" else ""
    if column.split and number.spread:
        spread = _padded(number.spread, column.spread)
        return f"{_styled(number, number.mean)} & {_styled(number, spread, False)}{mark}"
    mean = _styled(number, _padded(number.mean, column.mean))
    if column.split:
        return rf"\multicolumn{{2}}{{l}}{{{mean}{mark}}}"
    return mean + (mark and rf"\rlap{{{mark}}}")


def _padded(digits: str, whole: int) -> str:
    missing = whole - _whole(digits)
    return rf"\phantom{{{'0' * missing}}}{digits}" if missing else digits


def _styled(number: Number, digits: str, mean: bool = True) -> str:
    digits = digits.replace("-", "$-$")
    if number.style == "printed":
        return rf"\textit{{{digits}}}"
    return rf"\textbf{{{digits}}}" if mean and number.style == "bold" else digits
