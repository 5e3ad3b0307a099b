"""Numbers that papers print, in tables of experiments."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from fusevad.config.paper import PAPER_DATASETS
from fusevad.csv_tables import read_csv
from fusevad.errors import FusevadError
from fusevad.report import sheet

_COLUMNS = ["row", "dataset", "metric", "mean", "std"]


def read_printed(published: Path | None) -> pd.DataFrame:
    """A paper's numbers: row, dataset, metric, mean, std (NaN if the paper gives none).

    Raises:
        FusevadError: a number is given twice, or a data set is no paper's.
    """
    if published is None:
        return pd.DataFrame(columns=_COLUMNS)
    paper = read_csv(published, _COLUMNS, text=("row", "dataset", "metric"))
    unknown = set(paper["dataset"]) - set(PAPER_DATASETS)
    if unknown or paper.duplicated(["row", "dataset", "metric"]).any():
        raise FusevadError(
            f"{published}: a number is given twice, or a data set is not the paper's; correct it"
        )
    return paper


def printed_table(printed: pd.DataFrame, labels: Mapping[str, str], paper: str) -> sheet.Tabular:
    """All numbers of a paper's table, also of data sets and methods that are not run here.

    Args:
        printed: the result of `read_printed`.
        labels: of the rows that are run here too, by their keys; other rows are named by theirs.
        paper: the paper's name.
    """
    columns = printed[["dataset", "metric"]].drop_duplicates().itertuples(index=False)
    keys = [(column.dataset, column.metric) for column in columns]
    cells = {(c.row, c.dataset, c.metric): c for c in printed.itertuples()}
    heads = [f"{PAPER_DATASETS[dataset]}, {metric}" for dataset, metric in keys]
    title = sheet.Emphasis(f"Printed in the {paper} paper, nothing re-run")
    lines: list[sheet.Row] = [sheet.heading(title, 1 + len(keys)), sheet.head(["Method", *heads])]
    lines.append("rule")
    for row in dict.fromkeys(printed["row"]):
        found = [cells.get((row, *key)) for key in keys]
        numbers = [sheet.published(c.mean, c.std) if c else sheet.MISSING for c in found]
        lines.append(sheet.line([labels.get(row, row), *numbers]))
    return sheet.tabular(len(keys), lines)
