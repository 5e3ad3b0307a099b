"""Tables 11 to 14: parts of one stream's embedding masked on test videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.embed.streams.registry import stream_title
from fusevad.report import latex, sheet
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.studies import (
    PERCENT,
    clean_tests,
    percent,
    printed,
    read_paper,
    read_studies,
    study_notes,
    summarize_study,
    tidy,
)
from fusevad.report.write_sheet import write_sheet

_NONE = "none"
_WEIGHT = "weight_"
_KEYS = ["masked", "level", "metric", "subset"]
_SUBSETS = ("all", "abnormal", "normal")
_NOTES = (
    "Masked: a share of the dimensions of one stream's input embedding is zero, the same ones in "
    "all segments of all test videos, drawn anew for each seed. The paper says dimensions too; its "
    "released code takes segments instead, multiplies them by 0.01 and draws anew for each video.",
    "Brier: mean squared difference of score and label. KL: of the masked from the clean scores, "
    "in nats. Both are means over frames.",
)


def make_masking_table(
    name: str,
    title: str,
    experiment: TableRow,
    studies: Mapping[str, Path],
    datasets: Sequence[TableDataset],
    protocol: str,
    published: Path | None,
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write the table of masked levels as LaTeX that compiles alone, and as a tidy CSV.

    Each measured row has the paper's row below it, if any. The CSV has a row a number: block
    (published|measured), dataset, experiment, protocol, masked (none or a stream), subset
    (all|abnormal|normal), level, metric (AUC and AP in percent; Brier, KL and weight_STREAM
    unchanged), mean, std, n, p (differs from clean, after Holm's correction).

    Args:
        name: of the target, such as `table11`.
        title: caption.
        experiment: the detector of the study.
        studies: file of `studies.masking.study_masking`, by key of the data set.
        datasets: a tabular each, with the data set's first metric (AP if that is AP, else AUC).
        protocol: last or validation.
        published: the paper's numbers: dataset, masked, level, metric, subset, mean; None if it has
            none.
        seeds: the seeds that the study should have; missing ones become footnotes.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    values = read_studies(experiment, studies, datasets, protocol, (*_KEYS, "value"))
    shown = {(dataset.key, _main_metric(dataset)) for dataset in datasets}
    keep = [
        metric not in PERCENT or (key, metric) in shown
        for key, metric in zip(values["dataset"], values["metric"], strict=True)
    ]
    summary = summarize_study(values[keep], ["masked", "subset"])
    tests = clean_tests(values[keep], ["masked", "subset"]).values()
    paper = read_paper(published, _KEYS)
    caption = (
        f"{title}. {experiment.label}: mean ± standard deviation of {len(seeds)} seeds, AUC and AP "
        f"in percent. Protocol: {protocol}, {PROTOCOLS[protocol]}."
    )
    weights = _weights(values)
    notes = [
        *_NOTES,
        *_weight_notes(weights),
        *study_notes(experiment, datasets, values, protocol, seeds, paper, tests),
    ]
    parts = [
        sheet.Caption(latex.numbered(name), caption),
        *(_tabular(dataset, summary, paper, weights) for dataset in datasets),
        sheet.Notes(tuple(notes)),
    ]
    write_csv(tidy(summary, paper, experiment, datasets, protocol), out_csv)
    write_sheet(parts, out_tex, wide=True)


def _main_metric(dataset: TableDataset) -> str:
    return "AP" if dataset.metrics[0] == "AP" else "AUC"


def _weights(values: pd.DataFrame) -> list[str]:
    """The streams that the detector weighs, in its order; none of a detector without weights."""
    metrics = values["metric"].unique()
    return [each.removeprefix(_WEIGHT) for each in metrics if each.startswith(_WEIGHT)]


def _weight_notes(weights: Sequence[str]) -> list[str]:
    """What the columns of the first stream's weight are."""
    if not weights:
        return []
    first, *others = map(stream_title, weights)
    rest = "1 minus it" if len(others) == 1 else "the rest"
    weight = f"The weight of the {' and the '.join(others)} is {rest} and is in the CSV."
    return [
        f"Weight of the {first}: mean over latent dimensions, over all frames, the abnormal and "
        f"the normal ones. {weight} The paper heads its columns as changes; its numbers are "
        "weights."
    ]


def _masked(summary: pd.DataFrame, weights: Sequence[str]) -> dict[str, str]:
    """Labels of the rows by what is masked: the first stream comes last, as in the paper."""
    streams = [*reversed(weights)] or [*summary.loc[summary["masked"] != _NONE, "masked"].unique()]
    return {_NONE: "Clean"} | {
        each: f"{stream_title(each)} masked".capitalize() for each in streams
    }


def _tabular(
    dataset: TableDataset, summary: pd.DataFrame, paper: pd.DataFrame, weights: Sequence[str]
) -> sheet.Tabular:
    metric = _main_metric(dataset)
    weighed = [(f"{_WEIGHT}{stream}", subset) for stream in weights[:1] for subset in _SUBSETS]
    columns = [(metric, "all"), ("Brier", "all"), ("KL", "all"), *weighed]
    own = summary[summary["dataset"] == dataset.key]
    cells = {(c.masked, c.level, c.metric, c.subset): c for c in own.itertuples()}
    numbers = paper[paper["dataset"] == dataset.source]
    found = {(c.masked, c.level, c.metric, c.subset): c.mean for c in numbers.itertuples()}
    groups = [
        ("Scores, over frames", [metric, "Brier", "KL"]),
        *((f"Weight of the {stream_title(stream)}", [*_SUBSETS]) for stream in weights[:1]),
    ]
    lines = sheet.grouped_head(dataset.title, [("", ["share"]), *groups])
    for masked, label in _masked(own, weights).items():
        levels = sorted(own.loc[own["masked"] == masked, "level"].unique())
        lines += ["rule"] if levels else []
        for level in levels:
            texts = [_text(cells.get((masked, level, *column))) for column in columns]
            lines.append(sheet.line([label, _share(level), *texts]))
            keys = [(masked, level, *column) for column in columns]
            if any(key in found for key in keys):
                texts = [
                    printed(key[2], found[key]) if key in found else sheet.MISSING for key in keys
                ]
                lines.append(sheet.line([sheet.Emphasis("paper"), "", *texts]))
    return sheet.tabular(1 + len(columns), lines)


def _share(level: float) -> str:
    return f"{100 * level:g} %" if level else ""


def _text(cell: object | None) -> sheet.Cell:
    if cell is None:
        return sheet.MISSING
    if cell.metric in PERCENT:
        return percent(cell.mean, cell.std, cell.p)
    return sheet.spread(cell.mean, cell.std, decimals=4)  # as the paper prints them
