"""Two methods that should be one function: with the same parameters, and trained separately."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.config.protocols import PROTOCOLS
from fusevad.csv_tables import read_csv, write_csv
from fusevad.evaluate.history import WEIGHT
from fusevad.report import latex, sheet
from fusevad.report.footnotes import footnotes
from fusevad.report.pair_texts import comparisons_note
from fusevad.report.power import judge_tests
from fusevad.report.runs import (
    TableDataset,
    TableRow,
    read_measurements,
    read_scores,
)
from fusevad.report.statistics import PairedTest, holm, paired_test, summarize
from fusevad.report.write_sheet import write_sheet

_DIFFERENCES = ("weights_max", "weights_mean", "scores_max", "scores_mean")
_PARAMETERS, _RUNS = "parameters", "runs"


def make_equivalence_table(
    name: str,
    title: str,
    experiment: TableRow,
    compared_with: TableRow,
    studies: Mapping[str, Path],
    datasets: Sequence[TableDataset],
    seeds: Sequence[int],
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write how far two methods differ as LaTeX that compiles alone, and as a tidy CSV.

    The CSV has a row a comparison: block (measured), dataset, compared (parameters: both methods
    compute with the parameters of `experiment`; runs: both trained, seed by seed), protocol, the
    largest and mean absolute differences of weights and scores, metric, difference and std
    (`experiment` minus `compared_with`, in points), n, p (of runs), other_epoch (of runs: seeds
    that chose different epochs).

    Args:
        name: of the target.
        title: caption.
        experiment: the run whose parameters both methods compute with.
        compared_with: the run of the other method.
        studies: file of `studies.equivalence.study_equivalence`, by key of the data set.
        datasets: a tabular each, with the data set's first metric.
        seeds: the seeds that both should have; missing ones become footnotes.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    rows = [experiment, compared_with]
    values = read_measurements(rows, datasets)
    parts: list[pd.DataFrame] = []
    tests: list[PairedTest] = []
    for dataset in datasets:
        parts.append(_same_parameters(studies[dataset.key], dataset, experiment.name))
        own = _tests(rows, dataset, values)
        parts.append(_trained_apart(rows, dataset, values, own))
        tests += own.values()
    found = pd.concat(parts, ignore_index=True)
    found["p"] = holm(found["p"].to_list())
    caption = (
        f"{title}. {experiment.label} against {compared_with.label}: absolute differences, "
        "the largest of "
        f"all seeds and the mean over {len(seeds)} seeds; of the metric the signed one, in points: "
        "mean ± standard deviation."
    )
    notes = [
        f"Same parameters: those that {experiment.label} learned, on the test videos, computed by "
        "both methods. Weights by latent dimension.",
        "Trained apart: two runs with the same seed, parameters drawn alike. Weights averaged over "
        "latent dimensions. p: paired t-test over seeds, after Holm's correction over the table. "
        "Epoch: seeds that chose another one. "
        + comparisons_note(judge_tests(tests), "runs that were trained apart"),
        *dict.fromkeys(
            note
            for protocol in PROTOCOLS
            for note in footnotes(rows, datasets, values, protocol, seeds)
        ),
    ]
    tables = [_tabular(dataset, found[found["dataset"] == dataset.key]) for dataset in datasets]
    heading = sheet.Caption(latex.numbered(name), caption)
    write_csv(found.assign(block="measured"), out_csv)
    write_sheet([heading, *tables, sheet.Notes(tuple(notes))], out_tex, wide=True)


def _same_parameters(path: Path, dataset: TableDataset, experiment: str) -> pd.DataFrame:
    columns = ["experiment", "seed", "protocol", "quantity", "value"]
    table = read_csv(path, columns, text=("experiment", "protocol", "quantity"))
    own = table[table["experiment"] == experiment]
    rows = []
    for protocol, part in own.groupby("protocol", sort=False):
        quantities = part.pivot(index="seed", columns="quantity", values="value")
        metric = summarize(quantities[dataset.metrics[0]])
        rows.append(
            _row(dataset, _PARAMETERS, str(protocol))
            | _largest_and_mean(quantities)
            | {"difference": 100 * metric.mean, "std": 100 * metric.std}
            | {"n": metric.n, "p": np.nan, "other_epoch": pd.NA}
        )
    return pd.DataFrame(rows)


def _tests(
    runs: Sequence[TableRow], dataset: TableDataset, values: pd.DataFrame
) -> dict[str, PairedTest]:
    """The metric of the first run against the second one's, by protocol."""
    own = values[(values["dataset"] == dataset.key) & (values["metric"] == dataset.metrics[0])]
    return {
        protocol: paired_test(
            *(
                own[(own["experiment"] == run.name) & (own["protocol"] == protocol)].set_index(
                    "seed"
                )["value"]
                for run in runs
            )
        )
        for protocol in PROTOCOLS
    }


def _trained_apart(
    runs: Sequence[TableRow],
    dataset: TableDataset,
    values: pd.DataFrame,
    tests: Mapping[str, PairedTest],
) -> pd.DataFrame:
    folders = [run.runs[dataset.key] for run in runs]
    own = values[values["dataset"] == dataset.key]
    rows = []
    for protocol, test in tests.items():
        epochs = [_epochs(own, run.name, protocol) for run in runs]
        shared = epochs[0].index.intersection(epochs[1].index)
        rows.append(
            _row(dataset, _RUNS, protocol)
            | _largest_and_mean(_score_differences(folders, protocol))
            | {"difference": 100 * test.difference, "std": 100 * test.std, "n": test.n}
            | {"p": test.p, "other_epoch": int((epochs[0][shared] != epochs[1][shared]).sum())}
        )
    return pd.DataFrame(rows)


def _row(dataset: TableDataset, compared: str, protocol: str) -> dict[str, object]:
    key = {"dataset": dataset.key, "compared": compared, "protocol": protocol}
    return key | {"metric": dataset.metrics[0]}


def _largest_and_mean(quantities: pd.DataFrame) -> dict[str, float]:
    """Over seeds: the largest of the largest, the mean of the means."""
    return {
        name: float(values.max() if name.endswith("_max") else values.mean())
        for name, values in quantities[list(_DIFFERENCES)].items()
    }


def _score_differences(folders: Sequence[Path], protocol: str) -> pd.DataFrame:
    """By seed, the same quantities as in the study, from the scores of two runs."""
    keys = ["seed", "video", "segment"]
    first, second = (read_scores(folder, protocol).set_index(keys) for folder in folders)
    weights = [c for c in first if c.startswith(WEIGHT) and c in second]
    difference = (first[[*weights, "score"]] - second[[*weights, "score"]]).abs()
    by_seed = difference.groupby("seed")
    largest, mean = by_seed.max(), by_seed.mean()
    columns = (
        largest[weights].max(axis=1),
        mean[weights].mean(axis=1),
        largest["score"],
        mean["score"],
    )
    return pd.DataFrame(dict(zip(_DIFFERENCES, columns, strict=True)))


def _epochs(values: pd.DataFrame, experiment: str, protocol: str) -> pd.Series:
    own = values[(values["experiment"] == experiment) & (values["protocol"] == protocol)]
    return own.groupby("seed")["epoch"].first()


def _tabular(dataset: TableDataset, found: pd.DataFrame) -> sheet.Tabular:
    heads = [
        ("Weights", ["largest", "mean"]),
        ("Scores", ["largest", "mean"]),
        (dataset.metrics[0], ["difference", "p"]),
        ("Epoch", ["others"]),
    ]
    lines = sheet.grouped_head(dataset.title, heads)
    for compared, label in ((_PARAMETERS, "Same parameters"), (_RUNS, "Trained apart")):
        lines.append("rule")
        for row in found[found["compared"] == compared].itertuples():
            others = sheet.MISSING if pd.isna(row.other_epoch) else f"{row.other_epoch} of {row.n}"
            texts = [sheet.scientific(getattr(row, column)) for column in _DIFFERENCES]
            texts += [sheet.spread(row.difference, row.std), sheet.p_value(row.p), others]
            lines.append(sheet.line([f"{label}, {row.protocol}", *texts]))
    return sheet.tabular(7, lines)
