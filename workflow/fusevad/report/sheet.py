"""The content of a sheet of tables, independent of `latex` and `html`: captions, tables, notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fusevad.report.statistics import ALPHA

Style = Literal["plain", "bold", "differs", "printed"]
# What has a dagger, in the tables of studies alone.
DAGGER = (
    "a metric (AUC, AP) that is better or worse than the clean one: paired t-test over the shared"
    f" seeds, p < {ALPHA} after Holm's correction over the table"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A printed number, with its spread.

    Attributes:
        mean: its digits.
        spread: digits of the standard deviation, or empty.
        style: differs has a dagger (see `DAGGER`); printed is the paper's.
        marked: whether numbers of its column can have a dagger, so that all have space for one.
        origin: anchor of the `Origin` of the same page, or empty.
    """

    mean: str
    spread: str = ""
    style: Style = "plain"
    marked: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Formula:
    """A text with special typesetting."""

    latex: str
    html: str


@dataclass(frozen=True, slots=True)
class Emphasis:
    """A text in italics, or bold."""

    text: str
    bold: bool = False


Cell = str | Number | Formula | Emphasis
MISSING = Formula("--", "–")


@dataclass(frozen=True, slots=True)
class Span:
    """A text over several columns, flush left or centred."""

    text: Cell
    columns: int
    align: Literal["l", "c"]


@dataclass(frozen=True, slots=True)
class Line:
    """A row; one that is `alone` is left out of the bare tabular for papers."""

    cells: tuple[Cell | Span, ...]
    head: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """Short rules under groups of columns: first and last column of each, from 1."""

    groups: tuple[tuple[int, int], ...]


Gap = Literal["rule", "space"]
Row = Line | Rules | Gap


@dataclass(frozen=True, slots=True)
class Tabular:
    """A table: `texts` columns of text, then `columns` of numbers.

    `main` tables are for papers; other tables of the sheet only explain them.
    """

    columns: int
    rows: tuple[Row, ...]
    texts: int = 1
    main: bool = True


@dataclass(frozen=True, slots=True)
class Caption:
    """A bold title and the text after it."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Notes:
    """Footnotes, a line each."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a number comes from: shown by pages alone, when a reader follows the number's link.

    Attributes:
        anchor: that numbers name.
        title: which number it is.
        table: what is behind it.
        lines: what else there is to say.
        command: that says more.
    """

    anchor: str
    title: str
    table: Tabular
    lines: tuple[str, ...]
    command: str


Part = Caption | Tabular | Notes | Origin


def measured(
    mean: float, std: float, bold: bool = False, differs: bool | None = None, origin: str = ""
) -> Cell:
    """`mean ± std` of a fraction, in percent; bold or with a dagger, by the statistics.

    `differs` is None in tables without daggers; `origin` is the anchor of an `Origin`.
    """
    if mean != mean:
        return MISSING
    style: Style = "bold" if bold else "differs" if differs else "plain"
    spread = "" if std != std else f"{100 * std:.2f}"
    return Number(f"{100 * mean:.2f}", spread, style, differs is not None, origin)


def spread(mean: float, std: float, decimals: int = 2) -> Cell:
    """`mean ± std` of numbers, unscaled; without the spread if it is unknown."""
    if mean != mean:
        return MISSING
    return Number(f"{mean:.{decimals}f}", "" if std != std else f"{std:.{decimals}f}")


def published(mean: float, std: float = float("nan"), decimals: int = 2) -> Cell:
    """A number from the paper, in italics so that it is never taken for a measured one."""
    if mean != mean:
        return MISSING
    error = "" if std != std else f"{std:.{decimals}f}"
    return Number(f"{mean:.{decimals}f}", error, "printed")


def p_value(value: float) -> Cell:
    """A p-value with three digits, or a bound if it is smaller than they show."""
    if value != value:
        return MISSING
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def scientific(value: float) -> Cell:
    """Two digits and a power of ten; from 0.01 on, two digits alone."""
    if value != value:
        return MISSING
    if value == 0 or abs(value) >= 0.01:
        return f"{value:.2g}"
    digits, exponent = f"{value:.1e}".split("e")
    power = int(exponent)
    return Formula(rf"${digits}\cdot 10^{{{power}}}$", f"{digits}·10<sup>{power}</sup>")


def line(cells: Sequence[Cell | Span]) -> Line:
    """One row of a table."""
    return Line(tuple(cells))


def heading(text: Cell, columns: int, alone: bool = False) -> Line:
    """A heading across all columns of a table."""
    return Line((Span(text, columns, "l"),), alone=alone)


def head(cells: Sequence[Cell]) -> Line:
    """The names of the columns."""
    return Line(tuple(cells), head=True)


def grouped_head(first: str, groups: Sequence[tuple[str, Sequence[str]]]) -> list[Row]:
    """Two head lines: titles of groups with rules under them, then the columns of the groups."""
    top: list[Cell | Span] = [""]
    bottom: list[Cell] = [first]
    rules = []
    for title, columns in groups:
        top.append(Span(title, len(columns), "c"))
        if title:
            rules.append((len(bottom) + 1, len(bottom) + len(columns)))
        bottom += columns
    return [Line(tuple(top), head=True), Rules(tuple(rules)), head(bottom)]


def tabular(columns: int, rows: Sequence[Row], texts: int = 1, main: bool = True) -> Tabular:
    """A table of `texts` text columns, then `columns` others."""
    return Tabular(columns, tuple(rows), texts, main)
