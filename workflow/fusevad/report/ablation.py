"""Tables of experiments (config/tables): measured rows, with the paper's numbers beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.data.label_tables import MEAN
from fusevad.report import latex, sheet
from fusevad.report.footnotes import footnotes, undefined_notes
from fusevad.report.middles import Middles, interquartile_means
from fusevad.report.origins import anchor, origins
from fusevad.report.pair_texts import pairs_caption
from fusevad.report.power import judge_table
from fusevad.report.printed import printed_table, read_printed
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    blocks,
    check_protocol,
    count_parameters,
    fixed,
    read_event_measurements,
    read_measurements,
)
from fusevad.report.statistics import Aggregate, summarize_table
from fusevad.report.table1 import STATISTICS, main_columns
from fusevad.report.write_sheet import write_sheet

_IQM = "IQM [95 %]"
_PAPER = "paper"
_IQM_NOTE = (
    "IQM: interquartile mean over seeds of the first metric, with the 95 % interval of a stratified"
    " bootstrap (Agarwal et al. 2021)."
)
_PARAMETERS = "Parameters"
_PARAMETERS_NOTE = "Parameters: how many numbers training learns, all but the frozen encoders'."
_PAPER_NOTE = "In italics: printed in the {} paper, nothing re-run."
_EVENTS = "mAP"
_EVENTS_NOTE = (
    "mAP: of events found, averaged over the five overlaps, counted as VadCLIP's released code"
    " does (docs/methods/vadclip.md)."
)


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row: its key in the file of published numbers, its labels by column, its experiment."""

    key: str
    labels: dict[str, str]
    run: TableRow


@dataclass(frozen=True, slots=True)
class Shown:
    """What a table shows beside the metrics of its data sets.

    Attributes:
        paper: name of the paper that the published numbers are of.
        parameters: whether to show the number of parameters of each row's detector.
        events: whether to show the mean average precision of events found.
        all_printed: whether all published numbers are shown, also of methods and data sets that are
            not run.
    """

    paper: str = "IEF-VAD"
    parameters: bool = False
    events: bool = False
    all_printed: bool = False


def make_ablation(
    name: str,
    title: str,
    rows: Sequence[LabelledRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    published: Path | None,
    seeds: Sequence[int],
    shown: Shown,
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write a table of experiments as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a number: block (published|measured|imported), row, the row's labels,
    experiment, dataset, metric, protocol, mean, std, iqm, iqm_low, iqm_high (in percent), n, bold,
    leading, p, and parameters, if they are shown.

    Args:
        name: of the target, such as `table8`.
        title: what the table varies.
        rows: in order; several may show the same experiment (the value that all rows share).
        datasets: columns, in order.
        protocol: last, validation or oracle; the CSV has all three.
        published: the paper's numbers: row, dataset, metric, mean, std; None if it has none.
        seeds: the seeds that every run should have; missing ones become footnotes.
        shown: what else is shown.

    Raises:
        FusevadError: an unknown protocol, or a run's file that is missing or wrong.
    """
    check_protocol(protocol)
    runs = list({row.run.name: row.run for row in rows}.values())
    values = measured_values(runs, datasets, shown.events)
    summary = summarize_table(values, ["dataset", "metric"], fixed=fixed(runs))
    paper = read_printed(published)
    intervals = interquartile_means(values, datasets)
    verdicts = judge_table(values, protocol, fixed(runs))
    caption = (
        f"{title}. In percent: mean ± standard deviation of {len(seeds)} seeds. Protocol: "
        f"{protocol}, {PROTOCOLS[protocol]}. {STATISTICS} "
        + pairs_caption(verdicts, main_columns(datasets), name)
    )
    counts = _counts(runs, datasets, seeds[0]) if shown.parameters else {}
    notes = [
        *footnotes(runs, datasets, values, protocol, seeds),
        *undefined_notes(datasets, values),
        *_notes(datasets, paper, shown, bool(counts)),
    ]
    more = (_EVENTS,) if shown.events else ()
    tables = [
        _tabular(rows, dataset, more, summary, paper, intervals, counts, protocol)
        for dataset in datasets
    ]
    if shown.all_printed and len(paper):
        labels = {row.key: ", ".join(row.labels.values()) for row in rows}
        tables.append(printed_table(paper, labels, shown.paper))
    heading = sheet.Caption(latex.numbered(name), caption)
    if not shown.all_printed:
        paper = paper[paper["dataset"].isin([dataset.source for dataset in datasets])]
    tidy = _tidy(rows, datasets, summary, paper, intervals, shown.all_printed)
    if counts:
        keys = zip(tidy["experiment"], tidy["dataset"], strict=True)
        tidy["parameters"] = pd.array([counts.get(key) for key in keys], dtype="Int64")
    write_csv(tidy, out_csv)
    parts = [heading, *tables, sheet.Notes(tuple(notes))]
    write_sheet([*parts, *origins(runs, datasets, values, protocol, out_tex)], out_tex, wide=True)


def _notes(
    datasets: Sequence[TableDataset], paper: pd.DataFrame, shown: Shown, counted: bool
) -> Iterator[str]:
    """What the columns are."""
    yield _IQM_NOTE
    if any(dataset.source in set(paper["dataset"]) for dataset in datasets):
        yield _PAPER_NOTE.format(shown.paper)
    if shown.events:
        yield _EVENTS_NOTE
    if counted:
        yield _PARAMETERS_NOTE


def measured_values(
    runs: Sequence[TableRow], datasets: Sequence[TableDataset], events: bool
) -> pd.DataFrame:
    """The values that a table of experiments judges, in the form of `read_measurements`.

    With `events`, also the mean average precision of events found.
    """
    values = read_measurements(runs, datasets)
    if not events:
        return values
    return pd.concat([values, _events(runs, datasets)], ignore_index=True)


def _events(runs: Sequence[TableRow], datasets: Sequence[TableDataset]) -> pd.DataFrame:
    """Mean average precision of events, in the form of `read_measurements`."""
    values = read_event_measurements(runs, datasets)
    own = values[(values["class"] == MEAN) & (values["counting"] == "released")]
    keys = ["experiment", "dataset", "protocol", "seed"]
    means = own.groupby(keys, sort=False, as_index=False)["value"].mean()
    return means.assign(metric=_EVENTS)


def _counts(
    runs: Sequence[TableRow], datasets: Sequence[TableDataset], seed: int
) -> dict[tuple[str, str], int]:
    """Numbers of parameters, by experiment and data set."""
    return {
        (run.name, dataset.key): count_parameters(run.runs[dataset.key], seed)
        for dataset in datasets
        for run in runs
        if dataset.key in run.runs and not run.imported
    }


def _tabular(
    rows: Sequence[LabelledRow],
    dataset: TableDataset,
    more: tuple[str, ...],
    summary: pd.DataFrame,
    paper: pd.DataFrame,
    intervals: Middles,
    counts: dict[tuple[str, str], int],
    protocol: str,
) -> sheet.Tabular:
    own = summary[(summary["dataset"] == dataset.key) & (summary["protocol"] == protocol)]
    cells = {(c.experiment, c.metric): c for c in own.itertuples()}
    printed = {(c.row, c.metric): c for c in paper[paper["dataset"] == dataset.source].itertuples()}
    metrics = (*dataset.metrics, *more)
    shown = [metric for metric in metrics if any(key[1] == metric for key in printed)]
    names = [*rows[0].labels]
    columns = [*metrics, _IQM, *(f"{metric}, {_PAPER}" for metric in shown)]
    columns += [_PARAMETERS] if counts else []
    lines: list[sheet.Row] = [sheet.heading(dataset.title, len(names) + len(columns))]
    lines += [sheet.head([*names, *columns]), "rule"]
    before = ""
    for row in rows:
        first = next(iter(row.labels.values()))
        if len(names) > 1 and before not in ("", first):
            lines.append("space")
        before = first
        texts = [_measured(row.run, dataset, metric, cells) for metric in metrics]
        texts.append(_interval_text(intervals.get((row.run.name, dataset.key, protocol))))
        matches = [printed.get((row.key, metric)) for metric in shown]
        texts += [sheet.published(c.mean, c.std) if c else sheet.MISSING for c in matches]
        if counts:
            count = counts.get((row.run.name, dataset.key))
            texts.append(sheet.MISSING if count is None else f"{count:,}")
        lines.append(sheet.line([*row.labels.values(), *texts]))
    return sheet.tabular(len(columns), lines, texts=len(names))


def _measured(run: TableRow, dataset: TableDataset, metric: str, cells: dict) -> sheet.Cell:
    cell = cells.get((run.name, metric))
    if cell is None:
        return sheet.MISSING
    origin = anchor(run, dataset.key, metric) if metric in dataset.metrics else ""
    return sheet.measured(cell.mean, cell.std, cell.bold, origin=origin)


def _interval_text(interval: Aggregate | None) -> sheet.Cell:
    if interval is None:
        return sheet.MISSING
    value, low, high = (100 * n for n in (interval.value, interval.low, interval.high))
    bounds = f" [{low:.1f}, {high:.1f}]" if low == low else ""
    return f"{value:.2f}{bounds}"


def _tidy(
    rows: Sequence[LabelledRow],
    datasets: Sequence[TableDataset],
    summary: pd.DataFrame,
    paper: pd.DataFrame,
    intervals: Middles,
    all_printed: bool,
) -> pd.DataFrame:
    main = {dataset.key: dataset.metrics[0] for dataset in datasets}
    names = pd.DataFrame(
        [{"row": row.key, **row.labels, "experiment": row.run.name} for row in rows]
    )
    measured = names.merge(summary, on="experiment")
    measured["block"] = blocks(measured["experiment"], [row.run for row in rows])
    found = [
        intervals[c.experiment, c.dataset, c.protocol]
        if c.metric == main[c.dataset]
        else Aggregate(float("nan"), float("nan"), float("nan"))
        for c in measured.itertuples()
    ]
    for column, part in (("iqm", "value"), ("iqm_low", "low"), ("iqm_high", "high")):
        measured[column] = [getattr(interval, part) for interval in found]
    for column in ("mean", "std", "iqm", "iqm_low", "iqm_high"):
        measured[column] *= 100
    printed = paper.assign(block="published")
    columns = ["block", *names.columns, "dataset", "metric", "protocol", "mean", "std"]
    columns += ["iqm", "iqm_low", "iqm_high", "n", "bold", "leading", "p"]
    parts = [
        part
        for part in (
            printed.merge(names, on="row", how="left" if all_printed else "inner"),
            measured,
        )
        if not part.empty
    ]
    return pd.concat(parts).reindex(columns=columns)
