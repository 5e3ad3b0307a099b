"""The table of events that detectors find: mean average precision by overlap, and by class."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.paper import PAPER_DATASETS
from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.label_tables import MEAN
from fusevad.errors import FusevadError
from fusevad.evaluate.events import COUNTINGS, IOUS
from fusevad.report import latex, sheet
from fusevad.report.footnotes import footnotes
from fusevad.report.pair_texts import pairs_caption
from fusevad.report.power import judge_table
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    check_protocol,
    read_event_measurements,
)
from fusevad.report.scored_videos import class_video_counts
from fusevad.report.statistics import ALPHA, summarize_table
from fusevad.report.write_sheet import write_sheet

_AVERAGE = "average"
_COLUMNS = (*(f"{iou:g}" for iou in IOUS), _AVERAGE)
# What names a cell of either table; methods are compared within one.
EVENT_COLUMN = ("dataset", "counting", "class", "iou")
_NOTES = (
    "ours: mean over the anomaly classes, on anomalous videos; a class of which nothing is found"
    " has 0. released: as VadCLIP's code counts, with normal as a class, on all videos.",
    "By class: average precision as in ours, averaged over the five overlaps.",
)


def make_localisation(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    published: Path | None,
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write the table as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a number: block (published|measured), method, experiment, dataset, counting,
    class (`mean` for all), iou (or `average`), protocol, mean, std (in percent), n, bold, leading,
    p.

    Args:
        name: of the target.
        title: caption.
        experiments: rows, in order; columns by class.
        datasets: two tabulars each.
        protocol: last, validation or oracle; the CSV holds all of them.
        published: numbers of papers: method, dataset, iou, value; None without.
        seeds: the seeds that every run should have; missing ones become footnotes.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    values = read_event_measurements(experiments, datasets)
    families = event_families(values)
    summary = pd.concat(
        [summarize_table(own, [*EVENT_COLUMN]) for own in families.values() if len(own)],
        ignore_index=True,
    )
    paper = _published(published)
    supported = " ".join(
        f"{what}: {pairs_caption(judge_table(own, protocol, column_keys=EVENT_COLUMN), {}, name)}"
        for what, own in families.items()
    )
    caption = (
        f"{title}. Mean average precision (mAP) by the overlap (intersection over union) that a"
        f" found event needs, in percent: mean ± standard deviation of {len(seeds)} seeds."
        f" Protocol: {protocol}, {PROTOCOLS[protocol]}. Bold: the best mean of a column (by class,"
        " of a row), if a paired t-test over the shared seeds separates it from every other method"
        f" (p < {ALPHA} after Holm's correction over all pairs). {supported}"
    )
    shown = summary[summary["protocol"] == protocol]
    parts: list[sheet.Part] = [sheet.Caption(latex.numbered(name), caption)]
    for dataset in datasets:
        own = shown[shown["dataset"] == dataset.key]
        parts.append(_by_overlap(dataset, experiments, own, paper))
        parts.append(_by_class(dataset, experiments, own))
    parts += _printed_alone(paper, {dataset.source for dataset in datasets})
    notes = footnotes(experiments, datasets, values, protocol, seeds)
    parts.append(sheet.Notes((*_NOTES, *notes)))
    write_csv(_tidy(experiments, summary, paper), out_csv)
    write_sheet(parts, out_tex, wide=True)


def _printed_alone(paper: pd.DataFrame, shown: Collection[str]) -> Iterator[sheet.Tabular]:
    """The published numbers of data sets that are not configured."""
    for source, own in paper.groupby("dataset", sort=False):
        if source not in shown:
            title = PAPER_DATASETS.get(str(source), str(source))
            head = sheet.grouped_head(title, [("mAP at an overlap of", _COLUMNS)])
            yield sheet.tabular(len(_COLUMNS), [*head, *_printed(own)])


def event_families(values: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The values of both tables, each judged for itself: of all classes, and of each in `ours`.

    Args:
        values: the result of `read_event_measurements`.
    """
    key = ["experiment", "dataset", "counting", "class", "protocol", "seed"]
    averages = values.groupby(key, sort=False, as_index=False)["value"].mean()
    averages = averages.assign(iou=_AVERAGE)
    of_all = pd.concat([values, averages], ignore_index=True)
    of_each = averages[(averages["class"] != MEAN) & (averages["counting"] == "ours")]
    return {"By overlap": of_all[of_all["class"] == MEAN], "By class": of_each}


def _by_overlap(
    dataset: TableDataset,
    experiments: Sequence[TableRow],
    summary: pd.DataFrame,
    paper: pd.DataFrame,
) -> sheet.Tabular:
    cells = {
        (cell["experiment"], cell["counting"], cell["iou"]): cell
        for cell in summary[summary["class"] == MEAN].to_dict("records")
    }
    lines = [*sheet.grouped_head(dataset.title, [("mAP at an overlap of", _COLUMNS)]), "rule"]
    width = 1 + len(_COLUMNS)
    for counting in COUNTINGS:
        lines += [] if counting == COUNTINGS[0] else ["rule"]
        lines.append(sheet.heading(sheet.Emphasis(f"Counted as {counting}"), width))
        for row in experiments:
            found = [_cell(cells.get((row.name, counting, iou))) for iou in _COLUMNS]
            lines.append(sheet.line([row.label, *found]))
    lines += _printed(paper[paper["dataset"] == dataset.source])
    return sheet.tabular(len(_COLUMNS), lines)


def _printed(paper: pd.DataFrame) -> list[sheet.Row]:
    """Lines of the numbers of papers on a data set; none without any."""
    if paper.empty:
        return []
    heading = sheet.Emphasis("Published, not re-run, counted as released")
    lines: list[sheet.Row] = ["rule", sheet.heading(heading, 1 + len(_COLUMNS))]
    for method, part in paper.groupby("method", sort=False):
        numbers = part.set_index("iou")["value"]
        found = [sheet.published(numbers.get(iou, float("nan"))) for iou in _COLUMNS]
        lines.append(sheet.line([str(method), *found]))
    return lines


def _by_class(
    dataset: TableDataset, experiments: Sequence[TableRow], summary: pd.DataFrame
) -> sheet.Tabular:
    cells = {
        (cell["experiment"], cell["class"]): cell
        for cell in summary[summary["class"] != MEAN].to_dict("records")
    }
    groups = [("AP, averaged over overlaps", [row.label for row in experiments])]
    lines = [*sheet.grouped_head(f"{dataset.title}: class (test videos)", groups), "rule"]
    for name, videos in sorted(class_video_counts(dataset).items()):
        numbers = [_cell(cells.get((row.name, name))) for row in experiments]
        title = f"{name.replace('_', ' ').replace('-', ' ')} ({videos})"
        lines.append(sheet.line([title, *numbers]))
    return sheet.tabular(len(experiments), lines)


def _cell(cell: dict | None) -> sheet.Cell:
    if cell is None:
        return sheet.MISSING
    return sheet.measured(cell["mean"], cell["std"], cell["bold"])


def _published(path: Path | None) -> pd.DataFrame:
    """Numbers of papers in percent, with their averages: method, dataset, iou, value."""
    columns = ["method", "dataset", "iou", "value"]
    if path is None:
        return pd.DataFrame(columns=columns)
    table = read_csv(path, columns, text=("method", "dataset", "iou"))
    if table.duplicated(columns[:3]).any() or not table["value"].between(0, 100).all():
        raise FusevadError(f"{path}: a number twice, or none from 0 to 100; correct it")
    averages = table.groupby(columns[:2], sort=False, as_index=False)["value"].mean()
    return pd.concat([table, averages.assign(iou=_AVERAGE)], ignore_index=True)


def _tidy(
    experiments: Sequence[TableRow], summary: pd.DataFrame, paper: pd.DataFrame
) -> pd.DataFrame:
    labels = {row.name: row.label for row in experiments}
    measured = summary.assign(
        block="measured",
        method=summary["experiment"].map(labels),
        mean=100 * summary["mean"],
        std=100 * summary["std"],
    )
    printed = paper.rename(columns={"value": "mean"}).assign(
        block="published",
        counting="released",
        protocol="",
        experiment="",
        std=float("nan"),
        n=pd.NA,
        bold=False,
        leading=False,
        p=pd.NA,
    )
    printed["class"] = MEAN
    columns = ["block", "method", "experiment", "dataset", "counting", "class", "iou", "protocol"]
    columns += ["mean", "std", "n", "bold", "leading", "p"]
    kinds = {"n": "Int64", "p": "Float64"}
    parts = [part[columns].astype(kinds) for part in (printed, measured)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)
