"""Studies of trained detectors for the report: read, checked, summarised."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.csv_tables import read_csv
from fusevad.errors import FusevadError
from fusevad.report import sheet
from fusevad.report.footnotes import footnotes
from fusevad.report.pair_texts import comparisons_note
from fusevad.report.power import judge_tests
from fusevad.report.runs import (
    TableDataset,
    TableRow,
)
from fusevad.report.statistics import ALPHA, PairedTest, holm, paired_test, summarize

TEXT_COLUMNS = ("experiment", "protocol", "masked", "metric", "subset")
PERCENT = ("AUC", "AP", "Ano-AUC", "Ano-AP")
TEST_NOTE = f"A dagger marks {sheet.DAGGER}."
PAPER_NOTE = "In italics: printed in the IEF-VAD paper, one checkpoint, no spread; nothing re-run."


def read_studies(
    experiment: TableRow,
    studies: Mapping[str, Path],
    datasets: Sequence[TableDataset],
    protocol: str,
    columns: Sequence[str],
) -> pd.DataFrame:
    """The rows of one experiment and protocol in the studies of all data sets.

    A metric that is undefined on a data set's test videos has no rows (see `undefined_notes`).

    Args:
        experiment: the detector of the study.
        studies: the study's file, by key of the data set.
        datasets: in order; each needs a file.
        protocol: last or validation.
        columns: columns of a row besides experiment, dataset, seed and protocol; the last is the
            value.

    Raises:
        FusevadError: a file is missing or wrong, or has no rows of the experiment and protocol.
    """
    text = tuple(c for c in ("experiment", "protocol", *columns) if c in TEXT_COLUMNS)
    parts = []
    for dataset in datasets:
        if dataset.key not in studies:
            raise FusevadError(f"{dataset.key}: no study of {experiment.name}; name its file")
        path = studies[dataset.key]
        table = read_csv(path, ["experiment", "seed", "protocol", *columns], text=text)
        own = table[(table["experiment"] == experiment.name) & (table["protocol"] == protocol)]
        if own.empty:
            raise FusevadError(
                f"{path}: no rows of {experiment.name} under protocol {protocol}; run the study"
            )
        if "metric" in columns:
            own = own[own.groupby("metric")[columns[-1]].transform("count") > 0]
        keys = ["seed", *columns[:-1]]
        if own.empty or own.duplicated(keys).any() or own[columns[-1]].isna().any():
            raise FusevadError(f"{path}: a value is empty or given twice; run the study again")
        parts.append(own.assign(dataset=dataset.key))
    return pd.concat(parts, ignore_index=True)


def summarize_study(values: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean, spread and n of every cell, and the p-value of its difference from the clean value.

    Args:
        values: long table `dataset, seed, level, metric, value` and `keys`; level 0 is clean.
        keys: further columns that distinguish cells. Clean rows are compared with all cells of
            their `metric` and, if there is one, `subset`.

    Returns:
        A row a cell: dataset, keys, level, metric, mean, std, n, p (of AUC and AP at levels above
        0, Holm's correction over all of them; else NaN), in order of first appearance.
    """
    tests = clean_tests(values, keys)
    rows = []
    for key, part in values.groupby(_cells(keys), sort=False):
        summary = summarize(part["value"])
        cell = dict(zip(_cells(keys), key, strict=True))
        p = tests[key].p if key in tests else np.nan
        rows.append(cell | {"mean": summary.mean, "std": summary.std, "n": summary.n, "p": p})
    table = pd.DataFrame(rows)
    return table.assign(p=holm(table["p"].to_list()))


def clean_tests(values: pd.DataFrame, keys: Sequence[str]) -> dict[tuple, PairedTest]:
    """Each AUC and AP above level 0 against the clean one, by cell; arguments as above."""
    same = [name for name in ("dataset", "metric", "subset") if name in values]
    clean = {
        key: part.set_index("seed")["value"]
        for key, part in values[values["level"] == 0].groupby(same)
    }
    tests = {}
    for key, part in values.groupby(_cells(keys), sort=False):
        cell = dict(zip(_cells(keys), key, strict=True))
        reference = clean.get(tuple(cell[name] for name in same))
        if cell["metric"] in PERCENT and cell["level"] > 0 and reference is not None:
            tests[key] = paired_test(part.set_index("seed")["value"], reference)
    return tests


def _cells(keys: Sequence[str]) -> list[str]:
    """Columns that name a cell together."""
    return ["dataset", *keys, "level", "metric"]


def read_paper(published: Path | None, keys: Sequence[str]) -> pd.DataFrame:
    """The paper's numbers: dataset, keys, mean; AUC and AP in percent, the others as printed.

    Raises:
        FusevadError: the file is missing or wrong, or a number is given twice.
    """
    columns = ["dataset", *keys, "mean"]
    if published is None:
        return pd.DataFrame(columns=columns)
    table = read_csv(
        published, columns, text=("dataset", *(key for key in keys if key in TEXT_COLUMNS))
    )
    if table.duplicated(["dataset", *keys]).any():
        raise FusevadError(f"{published}: a number is given twice; keep one row of each")
    return table


def tidy(
    summary: pd.DataFrame,
    paper: pd.DataFrame,
    experiment: TableRow,
    datasets: Sequence[TableDataset],
    protocol: str,
) -> pd.DataFrame:
    """Measured and published numbers as one table; AUC and AP in percent, others unscaled."""
    factor = np.where(summary["metric"].isin(PERCENT), 100.0, 1.0)
    measured = summary.assign(
        block="measured",
        experiment=experiment.name,
        protocol=protocol,
        mean=factor * summary["mean"],
        std=factor * summary["std"],
    )
    keys = [c for c in summary.columns if c not in ("dataset", "mean", "std", "n", "p")]
    keys = ["block", "dataset", "experiment", "protocol", *keys, "mean", "std", "n", "p"]
    sources = {dataset.source for dataset in datasets}
    printed = paper[paper["dataset"].isin(sources)].assign(block="published")
    parts = [part for part in (printed, measured) if not part.empty]
    return pd.concat(parts, ignore_index=True).reindex(columns=keys).astype({"n": "Int64"})


def study_notes(
    experiment: TableRow,
    datasets: Sequence[TableDataset],
    values: pd.DataFrame,
    protocol: str,
    seeds: Sequence[int],
    paper: pd.DataFrame,
    tests: Collection[PairedTest],
) -> list[str]:
    """Footnotes on the data sets, the tests, and the source of the numbers in italics."""
    notes = [*footnotes([experiment], datasets, values, protocol, seeds), TEST_NOTE]
    notes.append(comparisons_note(judge_tests(list(tests)), "these metrics with the clean one"))
    if any(dataset.source in set(paper["dataset"]) for dataset in datasets):
        notes.append(PAPER_NOTE)
    return notes


def percent(mean: float, std: float, p: float) -> sheet.Cell:
    """A metric in percent, with a dagger if it differs from the clean one."""
    return sheet.measured(mean, std, differs=p < ALPHA)


def printed(metric: str, mean: float) -> sheet.Cell:
    """A number of the paper, in italics."""
    decimals = 2 if metric in PERCENT else 4
    return sheet.published(mean, decimals=decimals)
