"""Table 5: background activity in the motion cues of test videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.report import latex, sheet
from fusevad.report.footnotes import undefined_notes
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.studies import (
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

_PAPER = "paper"
_DEFINITION_NOTE = (
    "λ here: spurious events of a pixel in each frame difference, on average; a window of T "
    "differences gets Poisson(λT) of them on top of its count, at most T in all. The detectors are "
    "trained on clean cues and only tested on noisy ones. The paper states neither its unit of λ "
    "nor whether it trains on the noise, so equal λ need not be equal noise."
)


def make_noise_table(
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
    """Write the table of noise levels as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a number: block (published|measured), dataset, experiment, protocol, level,
    metric, mean, std (in percent), n, p (differs from level 0, after Holm's correction).

    Args:
        name: of the target, such as `table5`.
        title: caption.
        experiment: the detector of the study.
        studies: file of `studies.noise.study_noise`, by key of the data set.
        datasets: a tabular each, with the data set's metrics.
        protocol: last or validation.
        published: the paper's numbers: dataset, level, metric, mean; None if it has none.
        seeds: the seeds that the study should have; missing ones become footnotes.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    columns = ("level", "metric", "value")
    values = read_studies(experiment, studies, datasets, protocol, columns)
    shown = _shown(values, datasets, studies)
    summary = summarize_study(shown, [])
    tests = clean_tests(shown, []).values()
    paper = read_paper(published, ["level", "metric"])
    caption = (
        f"{title}. {experiment.label}, in percent: mean ± standard deviation of {len(seeds)} "
        f"seeds. Protocol: {protocol}, {PROTOCOLS[protocol]}."
    )
    own = study_notes(experiment, datasets, values, protocol, seeds, paper, tests)
    notes = [_DEFINITION_NOTE, *own, *undefined_notes(datasets, values)]
    parts = [
        sheet.Caption(latex.numbered(name), caption),
        *(_tabular(dataset, summary, paper) for dataset in datasets),
        sheet.Notes(tuple(notes)),
    ]
    write_csv(tidy(summary, paper, experiment, datasets, protocol), out_csv)
    write_sheet(parts, out_tex, wide=False)


def _shown(
    values: pd.DataFrame, datasets: Sequence[TableDataset], studies: Mapping[str, Path]
) -> pd.DataFrame:
    """The values of the metrics that the data sets list."""
    parts = []
    for dataset in datasets:
        own = values[(values["dataset"] == dataset.key) & values["metric"].isin(dataset.metrics)]
        if own.empty:
            raise FusevadError(
                f"{studies[dataset.key]}: no value of {', '.join(dataset.metrics)}; list a metric"
                " that is defined on the test videos"
            )
        parts.append(own)
    return pd.concat(parts, ignore_index=True)


def _tabular(dataset: TableDataset, summary: pd.DataFrame, paper: pd.DataFrame) -> sheet.Tabular:
    own = summary[summary["dataset"] == dataset.key]
    cells = {(c.level, c.metric): c for c in own.itertuples()}
    numbers = paper[paper["dataset"] == dataset.source]
    found = {(c.level, c.metric): c.mean for c in numbers.itertuples()}
    beside = [metric for metric in dataset.metrics if metric in set(numbers["metric"])]
    columns = [*dataset.metrics, *(f"{metric}, {_PAPER}" for metric in beside)]
    lines: list[sheet.Row] = [sheet.heading(dataset.title, 1 + len(columns))]
    lines += [sheet.head(["λ", *columns]), "rule"]
    for level in sorted(own["level"].unique()):
        texts = []
        for metric in dataset.metrics:
            cell = cells.get((level, metric))
            texts.append(percent(cell.mean, cell.std, cell.p) if cell else sheet.MISSING)
        texts += [
            printed(metric, found[level, metric]) if (level, metric) in found else sheet.MISSING
            for metric in beside
        ]
        lines.append(sheet.line([f"{level:g}", *texts]))
    return sheet.tabular(len(columns), lines)
