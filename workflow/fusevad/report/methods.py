"""The table of all methods: metrics under each protocol, what each costs, and on other data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from fusevad.csv_tables import read_csv, write_csv
from fusevad.errors import FusevadError
from fusevad.evaluate.flops import flops_per_segment
from fusevad.evaluate.scoring import load_detector, weights_file
from fusevad.models.registry import find
from fusevad.report import sheet
from fusevad.report.footnotes import footnotes, undefined_notes
from fusevad.report.middles import interquartile_means
from fusevad.report.origins import origins
from fusevad.report.pair_texts import pairs_caption
from fusevad.report.power import judge_table
from fusevad.report.published import read_published, under_configured_keys
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    blocks,
    check_protocol,
    count_parameters,
    fixed,
    read_measurements,
)
from fusevad.report.statistics import summarize_table
from fusevad.report.table1 import (
    PAGE_COLUMNS,
    PUBLISHED_RUNS,
    STATISTICS,
    main_columns,
    main_tabular,
    protocol_caption,
    protocol_tabulars,
)
from fusevad.report.transferred import read_transfers
from fusevad.report.write_sheet import write_sheet

RERUN, IMPORTED, PRINTED = "re-run here", "scores imported", "printed in the paper"
COLUMNS = [
    *("block", "tier", "method", "experiment", "trained_on", "dataset", "metric", "protocol"),
    *("mean", "std", "n", "bold", "leading", "p"),
    *("streams", "learning_rate", "parameters", "flops_per_segment"),
]
SPEED_COLUMNS = ["experiment", "training_seconds", "segments_per_second", "with_encoder", "machine"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a detector needs; the same on any machine.

    Attributes:
        streams: that it reads to score.
        learning_rate: that validation videos chose, or its method's own.
        parameters: how many numbers it learned.
        flops_per_segment: see `evaluate.flops`.
    """

    streams: str
    learning_rate: float
    parameters: int
    flops_per_segment: float


# By experiment and data set.
Costs = Mapping[tuple[str, str], Cost]


def make_methods(
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    published: Path,
    seeds: Sequence[int],
    speeds: Mapping[str, Path],
    transfers: Mapping[str, Path],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write the table of all methods as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a number, with `COLUMNS`: block (published|measured|imported|transfer), mean
    and std in percent, what the verdict says (see `statistics.Verdict`), and each detector's costs
    that are counted. Times and speeds are measured, never the same twice: they are in the LaTeX and
    in `studies/speed.csv` alone, so that the CSV stays the same to the byte.

    Args:
        title: of the table.
        experiments: rows, in order.
        datasets: columns, in order.
        protocol: last, validation or oracle.
        published: numbers that papers printed.
        seeds: the seeds that every run should have; missing ones become footnotes.
        speeds: tables of `studies.speed`, by data set.
        transfers: tables of `studies.transfer`, by the data set that is tested on.

    Raises:
        FusevadError: an unknown protocol, or a file that is missing or wrong.
    """
    check_protocol(protocol)
    values = read_measurements(experiments, datasets)
    summary = summarize_table(values, ["dataset", "metric"], fixed=fixed(experiments))
    paper = read_published(published)
    costs = _costs(experiments, datasets, seeds[0])
    moved = read_transfers(transfers, datasets)
    moved_summary = summarize_table(moved, ["trained_on", "dataset", "metric"])
    notes = footnotes(experiments, datasets, values, protocol, seeds)
    verdicts = judge_table(values, protocol, fixed(experiments))
    pairs = pairs_caption(verdicts, main_columns(datasets), "methods")
    parts = [
        sheet.Caption(f"{title}.", f"{_caption(datasets, protocol, len(seeds))} {pairs}"),
        main_tabular(experiments, datasets, summary, paper, protocol, len(seeds)),
        sheet.Notes((*notes, *undefined_notes(datasets, values))),
        sheet.Caption("The same runs under each protocol.", protocol_caption()),
        *protocol_tabulars(experiments, datasets, summary, interquartile_means(values, datasets)),
        *_cost_parts(experiments, datasets, costs, speeds),
        *_transfer_parts(experiments, datasets, moved_summary, protocol),
        *origins(experiments, datasets, values, protocol, out_tex),
    ]
    printed = under_configured_keys(paper, datasets)
    write_csv(_tidy(experiments, summary, moved_summary, printed, costs), out_csv)
    wide = sum(len(dataset.metrics) for dataset in datasets) > PAGE_COLUMNS
    write_sheet(parts, out_tex, wide)


def _caption(datasets: Sequence[TableDataset], protocol: str, seeds: int) -> str:
    titles = ", ".join(dataset.title for dataset in datasets)
    return (
        f"Frame-level detection on {titles}, in percent: mean ± standard deviation of {seeds} "
        f"seeds, protocol {protocol}. All methods have the same epochs, batches, sampling and "
        "highest segments of a video; the learning rate of each is one of as many, around its own, "
        f"chosen on validation videos with seeds that are none of these; those with a teacher have "
        f"their own. {STATISTICS}"
    )


def _costs(experiments: Sequence[TableRow], datasets: Sequence[TableDataset], seed: int) -> Costs:
    costs = {}
    for dataset in datasets:
        for row in experiments:
            if dataset.key not in row.runs or row.imported:
                continue
            run = row.runs[dataset.key]
            detector = load_detector(weights_file(run, seed, "last"), torch.device("cpu"))
            costs[row.name, dataset.key] = Cost(
                " + ".join(find(detector.settings.method).streams),
                detector.settings.learning_rate,
                count_parameters(run, seed),
                flops_per_segment(detector),
            )
    return costs


def _cost_parts(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    costs: Costs,
    speeds: Mapping[str, Path],
) -> list[sheet.Part]:
    tables: list[sheet.Part] = []
    machines: dict[str, None] = {}
    for dataset in datasets:
        measured = read_csv(speeds[dataset.key], SPEED_COLUMNS, text=("experiment", "machine"))
        machines |= dict.fromkeys(measured["machine"])
        by_row = {speed.experiment: speed for speed in measured.itertuples()}
        tables.append(_cost_tabular(experiments, dataset, costs, by_row))
    text = (
        "FLOPs: multiplications and additions of matrix products and convolutions, of a whole "
        "chunk of segments, by the segment. A seed: CPU time of its second epoch, times its "
        "epochs. Segments a second are scored from embeddings, and with the encoders of the "
        "streams that are read, without reading video. Times were measured on: "
        f"{', '.join(machines)}."
    )
    return [sheet.Caption("What each needs.", text), *tables]


def _cost_tabular(
    experiments: Sequence[TableRow],
    dataset: TableDataset,
    costs: Costs,
    speeds: Mapping[str, object],
) -> sheet.Tabular:
    heads = ["Streams", "Learning rate", "Parameters", "MFLOPs", "A seed, s"]
    heads += ["Segments/s", "with encoder"]
    lines: list[sheet.Row] = [sheet.heading(dataset.title, len(heads) + 1)]
    lines += [sheet.head(["Method", *heads]), "rule"]
    for row in experiments:
        cost, speed = costs.get((row.name, dataset.key)), speeds.get(row.name)
        if cost is None:
            continue
        if speed is None:
            raise FusevadError(f"{dataset.title}: no speed of {row.name}; measure it again")
        numbers = [
            f"{cost.learning_rate:g}",
            f"{cost.parameters:,}",
            f"{cost.flops_per_segment / 1e6:.2f}",
            f"{speed.training_seconds:.1f}",
            f"{speed.segments_per_second:,.0f}",
            _known(speed.with_encoder),
        ]
        lines.append(sheet.line([row.label, cost.streams, *numbers]))
    return sheet.tabular(len(heads) - 1, lines, texts=2, main=False)


def _known(value: float) -> sheet.Cell:
    return sheet.MISSING if value != value else f"{value:,.0f}"


def _transfer_parts(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    summary: pd.DataFrame,
    protocol: str,
) -> list[sheet.Part]:
    """Columns by the data set that is tested on, in each by the one that was trained on."""
    if summary.empty:
        return []
    judged = "last" if protocol == "last" else "validation"
    titles = {dataset.key: dataset.title for dataset in datasets}
    own = summary[summary["protocol"] == judged]
    groups, columns = [], []
    for dataset in datasets:
        sources = list(own.loc[own["dataset"] == dataset.key, "trained_on"].unique())
        if sources:
            groups.append(
                (f"on {dataset.title}, {dataset.metrics[0]}", [titles[s] for s in sources])
            )
            columns += [(source, dataset.key, dataset.metrics[0]) for source in sources]
    cells = {(c.experiment, c.trained_on, c.dataset, c.metric): c for c in own.itertuples()}
    lines = [*sheet.grouped_head("Tested", groups), "rule"]
    for row in experiments:
        if row.imported:
            continue
        found = [cells.get((row.name, *column)) for column in columns]
        texts = [sheet.measured(c.mean, c.std, c.bold) if c else sheet.MISSING for c in found]
        lines.append(sheet.line([row.label, *texts]))
    text = (
        "Trained on the data set that a column names, with its validation videos and learning "
        f"rate, and tested on another. Protocol: {judged}, as no weights are kept for oracle."
    )
    return [
        sheet.Caption("On other data.", text),
        sheet.tabular(len(columns), lines, main=False),
    ]


def _tidy(
    experiments: Sequence[TableRow],
    summary: pd.DataFrame,
    transfers: pd.DataFrame,
    paper: pd.DataFrame,
    costs: Costs,
) -> pd.DataFrame:
    labels = {row.name: row.label for row in experiments}
    block = blocks(summary["experiment"], experiments)
    parts = [summary.assign(trained_on=summary["dataset"], block=block)]
    parts += [] if transfers.empty else [transfers.assign(block="transfer")]
    measured = pd.concat(parts, ignore_index=True)
    measured["method"] = measured["experiment"].map(labels)
    measured["tier"] = measured["block"].eq("imported").map({True: IMPORTED, False: RERUN})
    for name in ("mean", "std"):
        measured[name] = 100 * measured[name]
    of_row = [costs.get((row.experiment, row.trained_on)) for row in measured.itertuples()]
    for name in ("streams", "learning_rate", "parameters", "flops_per_segment"):
        measured[name] = [getattr(cost, name, None) for cost in of_row]
    runs = paper["std"].notna().map({True: PUBLISHED_RUNS, False: pd.NA})
    printed = paper.assign(block="published", tier=PRINTED, trained_on=paper["dataset"], n=runs)
    parts = [part for part in (printed, measured) if not part.empty]
    integers = {"n": "Int64", "parameters": "Int64"}
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS).astype(integers)
