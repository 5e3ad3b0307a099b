"""Detectors trained on one data set and tested on another, with a paper's numbers beside them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.paper import PAPER_DATASETS
from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import read_csv, write_csv
from fusevad.errors import FusevadError
from fusevad.report import latex, sheet
from fusevad.report.footnotes import footnotes
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    read_measurements,
)
from fusevad.report.statistics import summarize_table
from fusevad.report.transferred import read_transfers
from fusevad.report.write_sheet import write_sheet

_CELL = ["trained_on", "dataset", "metric"]
_PRINTED = ["row", *_CELL, "mean", "std"]
_TIDY = ["block", "experiment", *_CELL, "protocol", "mean", "std", "n"]
_DASH = (
    "A dash: the metric is not the data set's; or the detector has no such run: a data set is not"
    " configured, lacks one of its streams, has no normal videos to learn from, or has streams of"
    " other encoders."
)
_PAPER_NOTE = "In italics: printed in the {} paper, nothing re-run."


def make_transfer_table(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    transfers: Mapping[str, Path],
    published: Path | None,
    paper: str,
    protocol: str,
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write a table of transfer as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a number: block (published|measured|transfer), experiment, trained_on,
    dataset (that is tested on), metric, protocol, mean, std (in percent), n.

    Args:
        name: of the target.
        title: caption.
        experiments: a tabular each, in order.
        datasets: trained or tested on, in order.
        transfers: tables of `studies.transfer`, by the data set that is tested on.
        published: the paper's numbers: row (an experiment), trained_on, dataset, metric, mean, std.
        paper: name of the paper.
        protocol: last or validation, whose weights are kept.
        seeds: the seeds that every run should have; missing ones become footnotes.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    own = read_measurements(experiments, datasets)
    moved = read_transfers(transfers, datasets)
    values = pd.concat([own.assign(trained_on=own["dataset"]), moved], ignore_index=True)
    summary = summarize_table(values, _CELL)
    summary = summary[summary["protocol"] == protocol]
    printed = _read_printed(published)
    caption = (
        f"{title}. In percent: mean ± standard deviation of {len(seeds)} seeds. Protocol: "
        f"{protocol}, {PROTOCOLS[protocol]}, on the data set that a detector was trained on."
    )
    learned = [each for each in datasets if any(each.key in row.runs for row in experiments)]
    others = [each for each in datasets if each not in learned]
    notes = [
        *footnotes(experiments, learned, own, protocol, seeds),
        *footnotes([], others, own, protocol, seeds),
        *(f"{each.title}: none of these was trained on it." for each in others),
        _DASH,
    ]
    notes += [_PAPER_NOTE.format(paper)] if len(printed) else []
    tables = [_tabular(row, datasets, summary, printed) for row in experiments]
    write_csv(_tidy(summary, printed), out_csv)
    heading = sheet.Caption(latex.numbered(name), caption)
    write_sheet([heading, *tables, sheet.Notes(tuple(notes))], out_tex, wide=False)


def _read_printed(published: Path | None) -> pd.DataFrame:
    if published is None:
        return pd.DataFrame(columns=_PRINTED)
    table = read_csv(published, _PRINTED, text=("row", *_CELL))
    unknown = {*table["trained_on"], *table["dataset"]} - set(PAPER_DATASETS)
    if unknown or table.duplicated(["row", *_CELL]).any():
        raise FusevadError(
            f"{published}: a number is given twice, or a data set is not the paper's; correct it"
        )
    return table


def _tabular(
    row: TableRow,
    datasets: Sequence[TableDataset],
    summary: pd.DataFrame,
    printed: pd.DataFrame,
) -> sheet.Tabular:
    """A line for each pair of data sets, configured or printed."""
    sources = {dataset.key: dataset.source for dataset in datasets}
    titles = PAPER_DATASETS | {dataset.key: dataset.title for dataset in datasets}
    metrics = _once(metric for dataset in datasets for metric in dataset.metrics)
    own, of_paper = summary[summary["experiment"] == row.name], printed[printed["row"] == row.name]
    found = {(c.trained_on, c.dataset, c.metric): c for c in own.itertuples()}
    paper = {(c.trained_on, c.dataset, c.metric): c for c in of_paper.itertuples()}
    shown = _once(metric for *_, metric in paper)
    pairs = [(one, other) for one in sources if one in row.runs for other in sources]
    published = {(sources[one], sources[other]) for one, other in pairs}
    pairs += [pair for pair in _once((c[0], c[1]) for c in paper) if pair not in published]
    heads = ["Trained on", "Tested on", *metrics, *(f"{metric}, paper" for metric in shown)]
    lines: list[sheet.Row] = [sheet.heading(row.label, len(heads)), sheet.head(heads), "rule"]
    for one, other in pairs:
        cells = [found.get((one, other, metric)) for metric in metrics]
        texts = [sheet.measured(c.mean, c.std) if c else sheet.MISSING for c in cells]
        place = sources.get(one, one), sources.get(other, other)
        numbers = [paper.get((*place, metric)) for metric in shown]
        texts += [sheet.published(c.mean, c.std) if c else sheet.MISSING for c in numbers]
        lines.append(sheet.line([titles[one], titles[other], *texts]))
    return sheet.tabular(len(heads) - 2, lines, texts=2)


def _once(items: Iterable) -> list:
    return list(dict.fromkeys(items))


def _tidy(summary: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    moved = summary["trained_on"] != summary["dataset"]
    measured = summary.assign(
        block=moved.map({True: "transfer", False: "measured"}),
        mean=100 * summary["mean"],
        std=100 * summary["std"],
    )
    of_paper = printed.rename(columns={"row": "experiment"}).assign(block="published")
    parts = [part for part in (of_paper, measured) if not part.empty]
    return pd.concat(parts, ignore_index=True).reindex(columns=_TIDY).astype({"n": "Int64"})
