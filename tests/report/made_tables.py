"""Tables of made-up runs, made and read."""

import pandas as pd

from fusevad.report import latex
from fusevad.report.classes import make_classes
from fusevad.report.table1 import make_table1
from tests.made_up_runs import (
    PUBLISHED,
    SEEDS,
)


def table1(made_up, folder, protocol="validation", rows=None, datasets=None, ours=()):
    """Make Table 1 and return its LaTeX and its tidy numbers."""
    tex, csv = folder / "table1.tex", folder / "table1.csv"
    make_table1(
        rows or made_up.rows,
        datasets or [made_up.dataset],
        protocol,
        PUBLISHED / "table01.csv",
        list(SEEDS),
        ours,
        tex,
        csv,
    )
    return tex.read_text(), pd.read_csv(csv, keep_default_na=True)


def measured_line(text, label):
    """The cells of a method's first row."""
    line = next(line for line in text.splitlines() if line.startswith(latex.escape(label) + " & "))
    return line.removesuffix(r" \\").split(" & ")[1:]


def classes(folder, dataset, rows):
    """Make the table of classes and return its LaTeX and its tidy numbers."""
    make_classes(
        rows,
        [dataset],
        "validation",
        PUBLISHED / "table07.csv",
        list(SEEDS),
        folder / "classes.tex",
        folder / "classes.csv",
    )
    return (folder / "classes.tex").read_text(), pd.read_csv(folder / "classes.csv")
