"""What choosing the epoch on the test set adds: `oracle` minus the two honest protocols."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.report import latex, sheet
from fusevad.report.footnotes import footnotes
from fusevad.report.pair_texts import comparisons_note
from fusevad.report.power import judge_tests
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    read_measurements,
)
from fusevad.report.statistics import PairedTest, holm, mean_interval, paired_test
from fusevad.report.write_sheet import write_sheet

_ORACLE, _HONEST = "oracle", ("validation", "last")
# The row that averages over the methods, seed by seed.
_ALL, _ALL_LABEL = "", "All methods, averaged"
_NOTES = (
    "In brackets: 95 % interval of a bootstrap over seeds. p: paired t-test over seeds, after "
    "Holm's correction over the table.",
    "oracle is the best of all epochs on the test set, so no seed can have a difference below "
    "zero: the table says how much is added, and more epochs to choose from add more.",
)


def make_selection(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write `oracle` beside the honest protocols as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a comparison: block (measured), dataset, metric (the data set's first),
    experiment (empty for the average of all), method, against (validation|last), oracle, honest,
    difference, low, high (in percent and points), n, p.

    Args:
        name: of the target.
        title: caption.
        experiments: rows, in order.
        datasets: a tabular each.
        seeds: the seeds that every run should have; missing ones become footnotes.

    Raises:
        FusevadError: a run's file is missing or wrong, or lacks a protocol.
    """
    values = read_measurements(experiments, datasets)
    missing = set(PROTOCOLS) - set(values["protocol"])
    if missing:
        raise FusevadError(f"{name}: no run has protocol {min(missing)}; evaluate the runs again")
    labels = {row.name: row.label for row in experiments}
    found = [row for dataset in datasets for row in _compared(values, dataset, labels)]
    tests = [test for _, test in found]
    compared = pd.DataFrame([row for row, _ in found])
    compared["p"] = holm([test.p for test in tests])
    supported = comparisons_note(judge_tests(tests), "oracle with an honest protocol")
    caption = f"{title}. In percent: means over {len(seeds)} seeds. " + "; ".join(
        f"{protocol}: {text}" for protocol, text in PROTOCOLS.items()
    )
    notes = footnotes(experiments, datasets, values, _ORACLE, seeds)
    parts = [
        sheet.Caption(latex.numbered(name), f"{caption}."),
        *(_tabular(dataset, compared) for dataset in datasets),
        sheet.Notes((*_NOTES, supported, *notes)),
    ]
    write_csv(compared.assign(block="measured"), out_csv)
    write_sheet(parts, out_tex, wide=True)


def _compared(
    values: pd.DataFrame, dataset: TableDataset, labels: dict[str, str]
) -> list[tuple[dict[str, object], PairedTest]]:
    """Differences of every method, and of their average, with their tests."""
    metric = dataset.metrics[0]
    own = values[(values["dataset"] == dataset.key) & (values["metric"] == metric)]
    by_seed = own.pivot(index=["experiment", "seed"], columns="protocol", values="value")
    methods = [name for name in labels if name in by_seed.index.unique("experiment")]
    parts = {name: by_seed.loc[name] for name in methods}
    # Only seeds that every method has: otherwise the average would depend on which methods have
    # one.
    shared = by_seed.groupby("seed").filter(lambda part: len(part) == len(methods))
    if len(methods) > 1 and not shared.empty:
        parts[_ALL] = shared.groupby("seed").mean()
    rows: list[tuple[dict[str, object], PairedTest]] = []
    for name, protocols in parts.items():
        for honest in _HONEST:
            both = protocols[[_ORACLE, honest]].dropna()
            test = paired_test(both[_ORACLE], both[honest])
            interval = mean_interval(both[_ORACLE] - both[honest])
            percent = {
                "oracle": both[_ORACLE].mean(),
                "honest": both[honest].mean(),
                "difference": test.difference,
                "low": interval.low,
                "high": interval.high,
            }
            row = {
                "dataset": dataset.key,
                "metric": metric,
                "experiment": name,
                "method": labels.get(name, _ALL_LABEL),
                "against": honest,
                **{key: 100 * value for key, value in percent.items()},
                "n": test.n,
            }
            rows.append((row, test))
    return rows


def _tabular(dataset: TableDataset, compared: pd.DataFrame) -> sheet.Tabular:
    own = compared[compared["dataset"] == dataset.key]
    heads = [
        (f"{dataset.title}, {dataset.metrics[0]}", [_ORACLE, *_HONEST]),
        *((f"{_ORACLE} − {honest}", ["points [95 %]", "p"]) for honest in _HONEST),
    ]
    lines = [*sheet.grouped_head("Method", heads), "rule"]
    for experiment, part in own.groupby("experiment", sort=False):
        cells = part.set_index("against")
        means = [cells["oracle"].iloc[0], *(cells["honest"][honest] for honest in _HONEST)]
        texts = [cells["method"].iloc[0], *(f"{mean:.2f}" for mean in means)]
        for honest in _HONEST:
            cell = cells.loc[honest]
            bounds = f" [{cell['low']:.2f}, {cell['high']:.2f}]" if np.isfinite(cell["low"]) else ""
            texts += [f"{cell['difference']:.2f}{bounds}", sheet.p_value(cell["p"])]
        lines += ["rule"] if experiment == _ALL else []
        lines.append(sheet.line(texts))
    return sheet.tabular(7, lines)
