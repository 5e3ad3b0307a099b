"""Table 1: every method on every configured data set, and the published numbers separately."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.paper import PAPER_DATASETS
from fusevad.config.protocols import PROTOCOLS
from fusevad.errors import FusevadError
from fusevad.files import write_csv
from fusevad.report import sheet
from fusevad.report.published import read_published
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    blocks,
    check_protocol,
    fixed,
    footnotes,
    read_measurements,
    undefined_notes,
)
from fusevad.report.statistics import ALPHA, summarize_table
from fusevad.report.write_sheet import write_sheet

_PUBLISHED_HEADING = sheet.Emphasis("PUBLISHED: printed in the IEF-VAD paper, nothing re-run here")
_PUBLISHED_NOTE = (
    "Published numbers: only the two IEF-VAD rows have a spread (10 runs). The paper does not "
    "state how the epoch was chosen; its released code keeps the best epoch on the test set."
)
PUBLISHED_RUNS = 10
PAGE_COLUMNS = 6
PROTOCOL_DATASETS = 2
STATISTICS = (
    f"Bold: the best mean of a column, if a paired t-test over the shared seeds separates it from "
    f"every other measured method (p < {ALPHA} after Holm's correction over all pairs of methods "
    "in all columns). Where nothing is bold, a dagger marks the best mean and every method that "
    "the test cannot separate from it. The spread is over seeds; it does "
    "not include what other test videos would change."
)

Column = tuple[str, str]


def make_table1(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    published: Path,
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write Table 1 as LaTeX that compiles alone, and the same numbers as a tidy CSV.

    The CSV has a row a number: block (published|measured|imported), method, experiment, dataset,
    metric, protocol, mean, std (both in percent, as printed), n, bold, leading, p (see
    `statistics.Verdict`). It has all protocols; the LaTeX judges `protocol` and shows all three
    side by side below.

    Args:
        experiments: measured rows, in order.
        datasets: columns, in order.
        protocol: last, validation or oracle.
        published: `config/published/table01.csv`.
        seeds: the seeds that every run should have; missing ones become footnotes.

    Raises:
        FusevadError: an unknown protocol, or a run's file that is missing or wrong.
    """
    check_protocol(protocol)
    values = read_measurements(experiments, datasets)
    if protocol not in set(values["protocol"]):
        raise FusevadError(f"table 1: no run was evaluated under protocol {protocol}; train again")
    summary = summarize_table(values, ["dataset", "metric"], fixed=fixed(experiments))
    paper = read_published(published)
    notes = footnotes(experiments, datasets, values, protocol, seeds)
    notes += undefined_notes(datasets, values)
    if {dataset.source for dataset in datasets} & set(paper["dataset"]):
        notes.append(_PUBLISHED_NOTE)
    parts = [
        sheet.Caption("Table 1.", _caption(datasets, protocol, len(seeds))),
        main_tabular(experiments, datasets, summary, paper, protocol, len(seeds)),
        sheet.Notes(tuple(notes)),
        sheet.Caption("The same runs under each protocol.", protocol_caption()),
        *(
            protocol_tabular(experiments, datasets[first : first + PROTOCOL_DATASETS], summary)
            for first in range(0, len(datasets), PROTOCOL_DATASETS)
        ),
        *_orientation(datasets, paper),
    ]
    write_csv(_tidy(experiments, summary, paper), out_csv)
    wide = sum(len(dataset.metrics) for dataset in datasets) > PAGE_COLUMNS
    write_sheet(parts, out_tex, wide)


def _caption(datasets: Sequence[TableDataset], protocol: str, seeds: int) -> str:
    titles = ", ".join(dataset.title for dataset in datasets)
    return (
        f"Frame-level detection on {titles}, in percent: mean ± standard deviation of {seeds} "
        f"seeds. AUC and AP pool the frames of all test videos, Ano-AUC and Ano-AP the "
        f"frames of the anomalous test videos only. Protocol: {protocol}, {PROTOCOLS[protocol]}. "
        f"{STATISTICS}"
    )


def protocol_caption() -> str:
    """What the columns of `protocol_tabular` are."""
    return (
        "Main metric of each data set. "
        + "; ".join(f"{name}: {text}" for name, text in PROTOCOLS.items())
        + "."
    )


def main_tabular(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    summary: pd.DataFrame,
    paper: pd.DataFrame,
    protocol: str,
    seeds: int,
) -> sheet.Tabular:
    """Every method in every column, published numbers above; `summary` is `summarize_table`'s."""
    columns = [(dataset.key, metric) for dataset in datasets for metric in dataset.metrics]
    printed = [(dataset.source, metric) for dataset in datasets for metric in dataset.metrics]
    lines = sheet.grouped_head("Method", [(d.title, d.metrics) for d in datasets])
    published = _published_lines(paper, printed)
    if published:
        heading = sheet.heading(_PUBLISHED_HEADING, len(columns) + 1)
        lines += ["rule", heading, "space", *published, "rule"]
    text = f"MEASURED here: mean ± std of {seeds} seeds, protocol {protocol}"
    measured = sheet.Emphasis(text, bold=True)
    lines += ["rule", sheet.heading(measured, len(columns) + 1, alone=True), "space"]
    shown = summary[summary["protocol"] == protocol]
    cells = {(c.experiment, c.dataset, c.metric): c for c in shown.itertuples()}
    lines += [_measured_line(row, columns, cells) for row in experiments]
    return sheet.tabular(len(columns), lines)


def _measured_line(row: TableRow, columns: Sequence[Column], cells: dict) -> sheet.Line:
    found = [cells.get((row.name, dataset, metric)) for dataset, metric in columns]
    return sheet.line(
        [row.label]
        + [
            sheet.measured(cell.mean, cell.std, cell.bold, cell.leading) if cell else sheet.MISSING
            for cell in found
        ]
    )


def _published_lines(paper: pd.DataFrame, columns: Sequence[Column]) -> list[sheet.Row]:
    """Rows of methods with a published number in one of `columns`; the paper's own come last."""
    cells = {(c.method, c.dataset, c.metric): c for c in paper.itertuples()}
    methods = [
        method
        for method in paper["method"].unique()
        if any((method, dataset, metric) in cells for dataset, metric in columns)
    ]
    lines = []
    for method in sorted(methods, key=lambda name: name.startswith(("Fusion", "IEF-VAD"))):
        found = [cells.get((method, dataset, metric)) for dataset, metric in columns]
        numbers = [sheet.published(c.mean, c.std) if c else sheet.MISSING for c in found]
        lines.append(sheet.line([sheet.Emphasis(method), *numbers]))
    return lines


def protocol_tabular(
    experiments: Sequence[TableRow], datasets: Sequence[TableDataset], summary: pd.DataFrame
) -> sheet.Tabular:
    """Every method in the main metric of each data set under the three protocols."""
    groups = [(f"{d.title}, {d.metrics[0]}", list(PROTOCOLS)) for d in datasets]
    cells = {(c.experiment, c.dataset, c.metric, c.protocol): c for c in summary.itertuples()}
    lines = [*sheet.grouped_head("Method", groups), "rule"]
    for row in experiments:
        found = [
            cells.get((row.name, dataset.key, dataset.metrics[0], protocol))
            for dataset in datasets
            for protocol in PROTOCOLS
        ]
        numbers = [sheet.measured(c.mean, c.std) if c else sheet.MISSING for c in found]
        lines.append(sheet.line([row.label, *numbers]))
    return sheet.tabular(len(datasets) * len(PROTOCOLS), lines, main=False)


def _orientation(datasets: Sequence[TableDataset], paper: pd.DataFrame) -> list[sheet.Part]:
    """The published numbers on data sets that are not configured, as a separate table."""
    configured = {dataset.source for dataset in datasets}
    given = set(zip(paper["dataset"], paper["metric"], strict=True))
    groups = {
        key: [m for m in ("AUC", "AP", "Ano-AUC", "Ano-AP") if (key, m) in given]
        for key in PAPER_DATASETS
        if key not in configured
    }
    columns = [(key, metric) for key, metrics in groups.items() for metric in metrics]
    if not columns:
        return []
    heads = [(PAPER_DATASETS[key], metrics) for key, metrics in groups.items() if metrics]
    heading = sheet.heading(_PUBLISHED_HEADING, len(columns) + 1)
    lines = [*sheet.grouped_head("Method", heads), "rule", heading, "space"]
    text = (
        "Data sets that are not configured here: other videos, so NOT comparable with what is "
        f"measured above. {_PUBLISHED_NOTE}"
    )
    return [
        sheet.Caption("For orientation: published numbers.", text),
        sheet.tabular(len(columns), lines + _published_lines(paper, columns), main=False),
    ]


def _tidy(
    experiments: Sequence[TableRow], summary: pd.DataFrame, paper: pd.DataFrame
) -> pd.DataFrame:
    labels = {row.name: row.label for row in experiments}
    measured = summary.assign(
        block=blocks(summary["experiment"], experiments),
        method=summary["experiment"].map(labels),
        mean=100 * summary["mean"],
        std=100 * summary["std"],
    )
    printed = paper.assign(
        block="published",
        experiment="",
        protocol="",
        n=paper["std"].notna().map({True: PUBLISHED_RUNS, False: pd.NA}),
        bold=False,
        leading=False,
        p=pd.NA,
    )
    columns = ["block", "method", "experiment", "dataset", "metric", "protocol", "mean", "std"]
    columns += ["n", "bold", "leading", "p"]
    parts = [part[columns].astype({"n": "Int64", "p": "Float64"}) for part in (printed, measured)]
    return pd.concat(parts, ignore_index=True)
