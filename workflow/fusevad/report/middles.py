"""Interquartile means of runs, with their intervals, for tables that show them beside means."""

from collections.abc import Sequence

import pandas as pd

from fusevad.report.runs import TableDataset
from fusevad.report.statistics import Aggregate, interquartile_mean

# By experiment, data set and protocol.
Middles = dict[tuple[str, str, str], Aggregate]


def interquartile_means(values: pd.DataFrame, datasets: Sequence[TableDataset]) -> Middles:
    """The interquartile mean of each data set's main metric; values of `read_measurements`."""
    result = {}
    for dataset in datasets:
        own = values[(values["dataset"] == dataset.key) & (values["metric"] == dataset.metrics[0])]
        for (experiment, protocol), part in own.groupby(["experiment", "protocol"]):
            key = (str(experiment), dataset.key, str(protocol))
            result[key] = interquartile_mean([part["value"]])
    return result
