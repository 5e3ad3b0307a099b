"""The per-class table: the anomaly classes that each method detects."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.report import sheet
from fusevad.report.footnotes import footnotes
from fusevad.report.pair_texts import pairs_caption
from fusevad.report.power import PairVerdict, judge_table
from fusevad.report.published import PAPER_INPUTS, read_published_classes
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    check_protocol,
    fixed,
    read_class_measurements,
)
from fusevad.report.scored_videos import class_video_counts
from fusevad.report.statistics import ALPHA, summarize_table
from fusevad.report.write_sheet import write_sheet

NAME = "classes"
# What names a row of the table; methods are compared within one.
COLUMN = ("dataset", "class")
_PAGE_COLUMNS = 4


def make_classes(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    published: Path,
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write the class x method table as LaTeX that compiles alone, and as a tidy CSV.

    A class's AUC (or AP, by the data set) ranks the frames of the test videos that show the
    class. The CSV has a row a number: block (published|measured), method, experiment, dataset,
    class, metric, protocol, videos (test videos of the class), mean, std (percent), n, bold,
    leading, p.

    Args:
        experiments: columns, in order.
        datasets: a table each, in order.
        protocol: last, validation or oracle; the CSV has all three.
        published: `config/published/table07.csv`, shown beside data sets of the paper.
        seeds: the seeds that every run should have; missing ones become footnotes.

    Raises:
        FusevadError: an unknown protocol, or a run's file that is missing or wrong.
    """
    check_protocol(protocol)
    values = read_class_measurements(experiments, datasets)
    if protocol not in set(values["protocol"]):
        raise FusevadError(f"classes: no run was evaluated under protocol {protocol}; train again")
    counts = pd.DataFrame(
        [
            {"dataset": dataset.key, "class": name, "videos": videos}
            for dataset in datasets
            for name, videos in class_video_counts(dataset).items()
        ]
    )
    summary = summarize_table(values, [*COLUMN, "metric"], fixed=fixed(experiments))
    summary = summary.merge(counts, on=["dataset", "class"], how="left")
    verdicts = judge_table(values, protocol, fixed(experiments), column_keys=COLUMN)
    paper = read_published_classes(published)
    parts = []
    for dataset in datasets:
        own = [verdict for verdict in verdicts if verdict.pair.column[0] == dataset.key]
        parts.append(sheet.Caption(*_caption(dataset, protocol, len(seeds), own)))
        parts.append(_tabular(experiments, dataset, summary, paper, protocol))
    parts.append(sheet.Notes(tuple(footnotes(experiments, datasets, values, protocol, seeds))))
    write_csv(_tidy(experiments, datasets, summary, paper), out_csv)
    write_sheet(parts, out_tex, wide=len(experiments) > _PAGE_COLUMNS)


def _caption(
    dataset: TableDataset, protocol: str, seeds: int, verdicts: Sequence[PairVerdict]
) -> tuple[str, str]:
    title = f"{dataset.title}: {dataset.class_metric} of each anomaly class."
    text = (
        f"In percent, mean ± standard deviation of {seeds} seeds, over the frames of the test "
        "videos that show the class (their number in brackets: with few videos a number says "
        f"little). Protocol: {protocol}, {PROTOCOLS[protocol]}. Bold: the best mean of a row, if "
        "a paired t-test over the shared seeds separates it from every other method "
        f"(p < {ALPHA} after Holm's correction over all pairs in all rows). "
        f"{pairs_caption(verdicts, {}, NAME)}"
    )
    return title, text


def _tabular(
    experiments: Sequence[TableRow],
    dataset: TableDataset,
    summary: pd.DataFrame,
    paper: pd.DataFrame,
    protocol: str,
) -> sheet.Tabular:
    shown = summary[(summary["dataset"] == dataset.key) & (summary["protocol"] == protocol)]
    cells = {(cell["experiment"], cell["class"]): cell for cell in shown.to_dict("records")}
    printed = {
        (cell["class"], cell["input"]): cell["value"]
        for cell in paper[paper["dataset"] == dataset.source].to_dict("records")
    }
    first, own = "Class (test videos)", [row.label for row in experiments]
    paper_inputs = list(PAPER_INPUTS.values()) if printed else []
    groups = [("Measured here", own), ("Published, not re-run", paper_inputs)]
    head = sheet.grouped_head(first, groups) if printed else [sheet.head([first, *own])]
    lines: list[sheet.Row] = [*head, "rule"]
    for name, videos in sorted(class_video_counts(dataset).items()):
        numbers = [_measured(cells.get((row.name, name))) for row in experiments]
        if printed:
            values = [printed.get((name, key), float("nan")) for key in PAPER_INPUTS]
            numbers += [sheet.published(value) for value in values]
        title = f"{name.replace('_', ' ').replace('-', ' ')} ({videos})"
        lines.append(sheet.line([title, *numbers]))
    return sheet.tabular(len(own) + len(paper_inputs), lines)


def _measured(cell: dict | None) -> sheet.Cell:
    if cell is None:
        return sheet.MISSING
    return sheet.measured(cell["mean"], cell["std"], cell["bold"])


def _tidy(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    summary: pd.DataFrame,
    paper: pd.DataFrame,
) -> pd.DataFrame:
    labels = {row.name: row.label for row in experiments}
    measured = summary.assign(
        block="measured",
        method=summary["experiment"].map(labels),
        mean=100 * summary["mean"],
        std=100 * summary["std"],
    )
    printed = paper[paper["dataset"].isin([dataset.source for dataset in datasets])]
    printed = printed.assign(
        block="published",
        method=printed["input"].map(PAPER_INPUTS),
        experiment="",
        metric="not stated",
        protocol="",
        videos=pd.NA,
        mean=printed["value"],
        std=float("nan"),
        n=pd.NA,
        bold=False,
        leading=False,
        p=pd.NA,
    )
    columns = ["block", "method", "experiment", "dataset", "class", "metric", "protocol"]
    columns += ["videos", "mean", "std", "n", "bold", "leading", "p"]
    whole = {"videos": "Int64", "n": "Int64", "p": "Float64"}
    parts = [part[columns].astype(whole) for part in (printed, measured)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)
