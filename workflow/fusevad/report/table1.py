"""Table 1: every method on every configured data set, and the published numbers separately."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.paper import PAPER_DATASETS
from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.evaluate.settings import VIDEO_AUC
from fusevad.report import sheet
from fusevad.report.footnotes import footnotes, undefined_notes
from fusevad.report.middles import Middles, interquartile_means
from fusevad.report.origins import anchor, origins
from fusevad.report.pair_texts import against_ours, pairs_caption
from fusevad.report.power import MARGIN, judge_table
from fusevad.report.published import read_published
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    blocks,
    check_protocol,
    fixed,
    read_measurements,
)
from fusevad.report.statistics import ALPHA, summarize_table
from fusevad.report.write_sheet import write_sheet

_PUBLISHED_HEADING = sheet.Emphasis("PUBLISHED: printed in the IEF-VAD paper, nothing re-run here")
_PUBLISHED_NOTE = (
    "Published numbers: only the two IEF-VAD rows have a spread (10 runs). The paper does not "
    "state how the epoch was chosen; its released code keeps the best epoch on the test set."
)
_OURS_NOTE = (
    "OURS are designs of this project, which the paper does not have. They are tested together with"
    " all measured rows: {}. The numbers, the bold face and the tests of the measured rows are as "
    "they would be without ours."
)
NAME = "table1"
PUBLISHED_RUNS = 10
PAGE_COLUMNS = 6
STATISTICS = (
    f"Bold: the best mean of a column, if a paired t-test over the shared seeds separates it from "
    f"every other measured method (p < {ALPHA} after Holm's correction over all pairs of methods "
    "in all columns). The spread is over seeds; it does not include what other test videos would "
    "change."
)
_OURS_HEADING = sheet.Emphasis("OURS: not in the paper", bold=True)

Column = tuple[str, str]


def make_table1(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    published: Path,
    seeds: Sequence[int],
    ours: Sequence[TableRow],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write Table 1 as LaTeX that compiles alone, and the same numbers as a tidy CSV.

    The CSV has a row a number: block (published|measured|imported|ours), method, experiment,
    dataset, metric, protocol, mean, std (both in percent, as printed), n, bold, leading, p (see
    `statistics.Verdict`). It has all protocols; the LaTeX judges `protocol` and shows all three
    side by side below.

    Args:
        experiments: measured rows, in order.
        datasets: columns, in order.
        protocol: last, validation or oracle.
        published: `config/published/table01.csv`.
        seeds: the seeds that every run should have; missing ones become footnotes.
        ours: rows that the paper does not have, below. They change nothing in the measured rows,
            which are tested among themselves; ours are tested among all.

    Raises:
        FusevadError: an unknown protocol, or a run's file that is missing or wrong.
    """
    check_protocol(protocol)
    rows = [*experiments, *ours]
    values = read_measurements(rows, datasets)
    if protocol not in set(values["protocol"]):
        raise FusevadError(f"table 1: no run was evaluated under protocol {protocol}; train again")
    names = [row.name for row in ours]
    summary = _judged(values, names, fixed(experiments))
    paper = read_published(published)
    notes = footnotes(rows, datasets, values, protocol, seeds)
    notes += undefined_notes(datasets, values)
    if ours:
        verdicts = judge_table(values, protocol, fixed(experiments))
        notes.append(_OURS_NOTE.format(against_ours(verdicts, names, MARGIN)))
    if {dataset.source for dataset in datasets} & set(paper["dataset"]):
        notes.append(_PUBLISHED_NOTE)
    measured = values[~values["experiment"].isin(names)]
    pairs = judge_table(measured, protocol, fixed(experiments))
    supported = pairs_caption(pairs, main_columns(datasets), NAME)
    parts = [
        sheet.Caption("Table 1.", f"{_caption(datasets, protocol, len(seeds))} {supported}"),
        main_tabular(experiments, datasets, summary, paper, protocol, len(seeds), ours),
        sheet.Notes(tuple(notes)),
        sheet.Caption("The same runs under each protocol.", protocol_caption()),
        *protocol_tabulars(rows, datasets, summary, interquartile_means(values, datasets)),
        *_orientation(datasets, paper),
        *origins(rows, datasets, values, protocol, out_tex),
    ]
    write_csv(_tidy(rows, names, summary, paper), out_csv)
    wide = sum(len(dataset.metrics) for dataset in datasets) > PAGE_COLUMNS
    write_sheet(parts, out_tex, wide)


def _judged(values: pd.DataFrame, ours: Sequence[str], fixed: Sequence[str]) -> pd.DataFrame:
    """`summarize_table` of the measured rows by themselves, then of ours among all rows."""
    keys = ["dataset", "metric"]
    is_ours = values["experiment"].isin(ours)
    parts = [summarize_table(values[~is_ours], keys, fixed=fixed)] if not is_ours.all() else []
    if is_ours.any():
        everything = summarize_table(values, keys, fixed=fixed)
        parts.append(everything[everything["experiment"].isin(ours)])
    return pd.concat(parts, ignore_index=True)


def _caption(datasets: Sequence[TableDataset], protocol: str, seeds: int) -> str:
    titles = ", ".join(dataset.title for dataset in datasets)
    return (
        f"Frame-level detection on {titles}, in percent: mean ± standard deviation of {seeds} "
        f"seeds. AUC and AP pool the frames of all test videos, Ano-AUC and Ano-AP the "
        f"frames of the anomalous test videos only. {_held_out(datasets)}Protocol: {protocol}, "
        f"{PROTOCOLS[protocol]}. {STATISTICS}"
    )


def _held_out(datasets: Sequence[TableDataset]) -> str:
    """What Video-AUC is, if a data set has it."""
    if all(dataset.metrics[0] != VIDEO_AUC for dataset in datasets):
        return ""
    return (
        "Video-AUC ranks whole training videos, which a seed held out of its training, by their "
        "labels: cross-validation over the seeds. Under validation the same videos chose the "
        "epoch, which makes it too high; under last nothing was chosen. "
    )


def main_columns(datasets: Sequence[TableDataset]) -> dict[tuple[str, str], str]:
    """The main metric of each data set, with its name for readers: `AUC`, `UCF-Crime AUC`."""
    alone = len(datasets) == 1
    return {
        (dataset.key, dataset.metrics[0]): dataset.metrics[0]
        if alone
        else f"{dataset.title} {dataset.metrics[0]}"
        for dataset in datasets
    }


def protocol_caption() -> str:
    """What the columns of `protocol_tabulars` are."""
    return (
        "Main metric of each data set: mean ± standard deviation, and the interquartile mean (IQM),"
        " the mean of the middle half of the seeds, which a failed seed does not pull down. "
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
    ours: Sequence[TableRow] = (),
) -> sheet.Tabular:
    """Every method in every column; `summary` is `summarize_table`'s.

    Published numbers are above the measured rows, `ours` below them.
    """
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
    if ours:
        lines += ["rule", sheet.heading(_OURS_HEADING, len(columns) + 1), "space"]
        lines += [_measured_line(row, columns, cells) for row in ours]
    return sheet.tabular(len(columns), lines)


def _measured_line(row: TableRow, columns: Sequence[Column], cells: dict) -> sheet.Line:
    return sheet.line([row.label, *(_measured(row, *column, cells) for column in columns)])


def _measured(row: TableRow, dataset: str, metric: str, cells: dict) -> sheet.Cell:
    cell = cells.get((row.name, dataset, metric))
    if cell is None:
        return sheet.MISSING
    return sheet.measured(cell.mean, cell.std, cell.bold, origin=anchor(row, dataset, metric))


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


def protocol_tabulars(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    summary: pd.DataFrame,
    middles: Middles,
) -> list[sheet.Tabular]:
    """For each data set, every method in the main metric under the three protocols."""
    cells = {(c.experiment, c.dataset, c.metric, c.protocol): c for c in summary.itertuples()}
    tables = []
    for dataset in datasets:
        metric = dataset.metrics[0]
        groups = [(f"{dataset.title}, {metric}", list(PROTOCOLS)), ("IQM", list(PROTOCOLS))]
        lines = [*sheet.grouped_head("Method", groups), "rule"]
        for row in experiments:
            found = [cells.get((row.name, dataset.key, metric, name)) for name in PROTOCOLS]
            numbers = [sheet.measured(c.mean, c.std) if c else sheet.MISSING for c in found]
            middle = [middles.get((row.name, dataset.key, name)) for name in PROTOCOLS]
            numbers += [
                sheet.spread(100 * m.value, float("nan")) if m else sheet.MISSING for m in middle
            ]
            lines.append(sheet.line([row.label, *numbers]))
        tables.append(sheet.tabular(2 * len(PROTOCOLS), lines, main=False))
    return tables


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
    rows: Sequence[TableRow], ours: Sequence[str], summary: pd.DataFrame, paper: pd.DataFrame
) -> pd.DataFrame:
    labels = {row.name: row.label for row in rows}
    block = blocks(summary["experiment"], rows).mask(summary["experiment"].isin(ours), "ours")
    measured = summary.assign(
        block=block,
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
