"""What runs on one data set do on the test videos of others, as `studies.transfer` wrote it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import read_csv
from fusevad.report.runs import TableDataset

_COLUMNS = ["trained_on", "experiment", "seed", "protocol", "metric", "value"]


def read_transfers(transfers: Mapping[str, Path], datasets: Sequence[TableDataset]) -> pd.DataFrame:
    """All values of runs on other data sets, of the metrics that the data sets are judged by.

    Args:
        transfers: tables of `studies.transfer`, by the data set that is tested on.
        datasets: that are shown.

    Returns:
        trained_on, experiment, seed, protocol, metric, value, and the `dataset` tested on.
    """
    parts = []
    for dataset in datasets:
        if dataset.key not in transfers:
            continue
        text = ("trained_on", "experiment", "protocol", "metric")
        table = read_csv(transfers[dataset.key], _COLUMNS, text=text)
        shown = table["metric"].isin(dataset.metrics) & table["value"].notna()
        parts.append(table[shown].assign(dataset=dataset.key))
    return pd.concat(parts) if parts else pd.DataFrame(columns=[*_COLUMNS, "dataset"])
