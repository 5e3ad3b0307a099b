"""How far evidence travels in a video: the study of locality, by experiment and by seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import read_csv, write_csv
from fusevad.report import latex, sheet
from fusevad.report.runs import TableDataset, TableRow
from fusevad.report.statistics import summarize
from fusevad.report.write_sheet import write_sheet

# Quantities of the study in the order of the columns, with their heads.
_CHANGES = {"spliced": "its own", "others": "others", "order": "order"}
_NOTES = (
    "Within: share of the variance of the scores that is within videos, not between them. Alone: "
    "the same parameters, where each segment sees itself alone. Change of scores, in points: the "
    "middle segment of every normal video is replaced by the segment of an anomalous video that "
    "the seed scores highest; its own score should change, the others in its video should not. "
    "Order: all segments shuffled, and scores put back into order; attention without positions "
    "or windows does not notice.",
)


def make_locality_table(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    studies: Mapping[str, Mapping[str, Path]],
    datasets: Sequence[TableDataset],
    protocol: str,
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write the study of locality as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a value: block (measured), dataset, experiment, method, seed, protocol,
    quantity (see `studies.locality`), value (in percent and points).

    Args:
        name: of the target.
        title: caption.
        experiments: rows, in order.
        studies: file of `studies.locality.study_locality`, by experiment and data set.
        datasets: a tabular of means and one of seeds each, with the data set's first metric.
        protocol: whose weights were studied.
        seeds: the seeds of the runs.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    parts = [
        _read(file, row, key)
        for row in experiments
        for key, file in studies.get(row.name, {}).items()
    ]
    values = pd.concat(parts, ignore_index=True)
    caption = (
        f"{title}. In percent and points: mean ± standard deviation of {len(seeds)} seeds. "
        f"Protocol: {protocol}."
    )
    tables: list[sheet.Part] = [sheet.Caption(latex.numbered(name), caption)]
    tables += [_means(dataset, experiments, values) for dataset in datasets]
    tables.append(sheet.Notes(_NOTES))
    tables.append(sheet.Caption("The same by seed.", "Share within videos, then metric."))
    tables += [_by_seed(dataset, experiments, values, seeds) for dataset in datasets]
    write_csv(values.assign(block="measured"), out_csv)
    write_sheet(tables, out_tex, wide=True)


def _read(file: Path, row: TableRow, dataset: str) -> pd.DataFrame:
    columns = ["experiment", "seed", "protocol", "quantity", "value"]
    table = read_csv(file, columns, text=("experiment", "protocol", "quantity"))
    return table.assign(dataset=dataset, method=row.label, value=100 * table["value"])


def _of(values: pd.DataFrame, dataset: TableDataset, row: TableRow) -> pd.DataFrame:
    """A row a seed, a column a quantity; empty where the data set has no such run."""
    own = values[(values["dataset"] == dataset.key) & (values["experiment"] == row.name)]
    return own.pivot(index="seed", columns="quantity", values="value")


def _means(
    dataset: TableDataset, experiments: Sequence[TableRow], values: pd.DataFrame
) -> sheet.Tabular:
    metric = dataset.metrics[0]
    heads = [
        (dataset.title, [metric, f"{metric}, alone", "Within"]),
        ("Change of scores", list(_CHANGES.values())),
    ]
    lines = [*sheet.grouped_head("Method", heads), "rule"]
    for row in experiments:
        found = _of(values, dataset, row)
        if found.empty:
            continue
        summaries = [
            summarize(found[quantity])
            for quantity in (metric, f"{metric}_alone", "within", *_CHANGES)
        ]
        cells = [sheet.spread(each.mean, each.std, decimals=1) for each in summaries]
        lines.append(sheet.line([row.label, *cells]))
    return sheet.tabular(6, lines)


def _by_seed(
    dataset: TableDataset,
    experiments: Sequence[TableRow],
    values: pd.DataFrame,
    seeds: Sequence[int],
) -> sheet.Tabular:
    metric = dataset.metrics[0]
    lines = [*sheet.grouped_head("Method", [(dataset.title, [str(s) for s in seeds])]), "rule"]
    for row in experiments:
        found = _of(values, dataset, row).reindex(seeds)
        for quantity, label in (("within", "within"), (metric, metric)):
            if quantity not in found:
                continue
            cells = [sheet.MISSING if pd.isna(x) else f"{x:.0f}" for x in found[quantity]]
            lines.append(sheet.line([f"{row.label}: {label}", *cells]))
    return sheet.tabular(len(seeds), lines, main=False)
