"""The numbers that the IEF-VAD paper (arXiv 2505.02393) prints, in percent; none is re-run."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from fusevad.config.paper import PAPER_DATASETS
from fusevad.csv_tables import read_csv
from fusevad.errors import FusevadError
from fusevad.report.runs import TableDataset

# The inputs in the paper's Table 7, and their names in the per-class table.
PAPER_INPUTS = {"image": "Image only", "motion": "Motion cue only", "fusion": "IEF-VAD"}


def read_published(path: Path) -> pd.DataFrame:
    """Table 1 of the paper: method, dataset, metric, mean, std (NaN if the paper gives none)."""
    table = read_csv(
        path, ["method", "dataset", "metric", "mean", "std"], text=("method", "dataset", "metric")
    )
    _check(table, path, "mean", ["method", "dataset", "metric"])
    return table


def under_configured_keys(table: pd.DataFrame, datasets: Iterable[TableDataset]) -> pd.DataFrame:
    """The rows of the data sets that are configured, each under the key of the configuration.

    Where several have the videos of one (two of its splits), each has its rows.
    """
    keys = pd.DataFrame([(d.source, d.key) for d in datasets], columns=["dataset", "key"])
    found = table.merge(keys, on="dataset").drop(columns="dataset")
    return found.rename(columns={"key": "dataset"})[table.columns]


def read_published_classes(path: Path) -> pd.DataFrame:
    """Table 7 of the paper: dataset, class, input (image|motion|fusion), value.

    The paper does not name the metric of the classes: AUC, for XD-Violence probably AP.
    """
    table = read_csv(
        path,
        ["dataset", "class", "metric", "input", "value"],
        text=("dataset", "class", "metric", "input"),
    )
    classes = table[table["class"] != "overall"]
    _check(classes, path, "value", ["dataset", "class", "input"])
    return classes[["dataset", "class", "input", "value"]].reset_index(drop=True)


def _check(table: pd.DataFrame, path: Path, value: str, keys: list[str]) -> None:
    unknown = set(table["dataset"]) - set(PAPER_DATASETS)
    if unknown:
        raise FusevadError(
            f"{path}: data set {', '.join(sorted(unknown))} is not in the paper; use "
            f"{', '.join(PAPER_DATASETS)}"
        )
    if table.duplicated(keys).any():
        raise FusevadError(f"{path}: a number is given twice; keep one row of each")
    if not table[value].between(0, 100).all():
        raise FusevadError(f"{path}: {value} must be a percentage from 0 to 100; correct it")
