"""Sections of a table's page that say where its numbers come from; the numbers link to them.

They hold what is the same wherever a table is made; `why` has commits, machines and times too.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.plan.records import read_record
from fusevad.report import sheet
from fusevad.report.runs import TableDataset, TableRow

SHOWN_DIGITS = 12  # of a hash
TRAINING_RECORD = "history.provenance.json"  # in the folder of a run


def anchor(row: TableRow, dataset: str, metric: str) -> str:
    """Name of the section of a number; of imported scores, which have none, empty."""
    return "" if row.imported else f"{dataset}/{row.name}/{metric}"


def origins(
    rows: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    values: pd.DataFrame,
    protocol: str,
    out_tex: Path,
) -> list[sheet.Origin]:
    """A section for each number of a table: its seeds, their epochs and weights, and the data.

    Args:
        rows, datasets: of the table.
        values: of `read_measurements` for them.
        protocol: the table's.
        out_tex: the table's document, as `fusevad why` takes it.
    """
    shown = values[values["protocol"] == protocol].sort_values("seed")
    sections = []
    for row in rows:
        for dataset in datasets:
            if dataset.key not in row.runs or row.imported:
                continue
            run = row.runs[dataset.key]
            own = shown[(shown["experiment"] == row.name) & (shown["dataset"] == dataset.key)]
            weights, data = _recorded(run, protocol)
            for metric in dataset.metrics:
                command = ["fusevad", "why", str(out_tex), row.name, metric]
                command += ["--dataset", dataset.key] if len(datasets) > 1 else []
                section = sheet.Origin(
                    anchor(row, dataset.key, metric),
                    f"{row.label}, {dataset.title}, {metric}, protocol {protocol}",
                    _tabular(_by_seed(own, metric, dataset.metrics[0]), weights),
                    (f"Values: {run}/seeds.csv", *data, "Commit, machine, minutes, and more:"),
                    shlex.join(command),
                )
                sections.append(section)
    return sections


def _by_seed(own: pd.DataFrame, metric: str, main_metric: str) -> pd.DataFrame:
    """A row a seed of a run: seed, epoch and value, which is NaN where the metric is undefined.

    Only the main metric has a row for every seed.
    """
    seeds = own.loc[own["metric"] == main_metric, ["seed", "epoch"]]
    return seeds.merge(own.loc[own["metric"] == metric, ["seed", "value"]], "left", "seed")


def _recorded(run: Path, protocol: str) -> tuple[dict[int, str], list[str]]:
    """What the training's record notes: a hash of each seed's weights, and lines on its inputs.

    Runs that were trained without the workflow have no record.
    """
    path = run / TRAINING_RECORD
    if not path.is_file():
        return {}, []
    record = read_record(path)
    weights = {
        int(Path(name).stem.split("-")[1]): noted.sha256[:SHOWN_DIGITS]
        for name, noted in record.outputs.items()
        if protocol in KEPT_PROTOCOLS and name.endswith(f"-{protocol}.safetensors")
    }
    # An index has the hashes of its shards.
    inputs = {name: digest for name, digest in record.inputs.items() if "/shard-" not in name}
    return weights, [f"Data: {digest} {name}" for name, digest in inputs.items()]


def _tabular(values: pd.DataFrame, weights: dict[int, str]) -> sheet.Tabular:
    lines = [
        sheet.line(
            [
                str(int(seed.seed)),
                f"{100 * seed.value:.2f}" if seed.value == seed.value else sheet.MISSING,
                str(int(seed.epoch)) if seed.epoch == seed.epoch else sheet.MISSING,
                weights.get(int(seed.seed), sheet.MISSING),
            ]
        )
        for seed in values.itertuples()
    ]
    head = sheet.head(["Seed", "Value", "Epoch", "Weights, SHA-256"])
    return sheet.tabular(3, [head, "rule", *lines], main=False)
