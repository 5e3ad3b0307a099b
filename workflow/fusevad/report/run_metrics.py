"""The numbers of Table 1 for programs: `dvc metrics` compares them and `dvc plots` draws them."""

from collections.abc import Sequence
from pathlib import Path

from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.files import write_json, write_text
from fusevad.report.macros import macros
from fusevad.report.runs import TableDataset, TableRow, check_protocol, read_measurements

# Decimals of a fraction: as many digits as Table 1 prints in percent.
_DIGITS = 4


def make_run_metrics(
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    protocol: str,
    out_json: Path,
    out_csv: Path,
) -> None:
    """Write means over seeds, and the values of each seed, under one protocol.

    The JSON is `{dataset: {experiment: {metric: mean}}}`, fractions, keys sorted. The CSV has
    columns dataset, experiment, metric, seed, value. `numbers.tex` beside them has a macro for each
    number of Table 1, of all protocols.

    Raises:
        FusevadError: an unknown protocol, one that no run was evaluated under, or a run's file
            that is missing or wrong.
    """
    check_protocol(protocol)
    measured = read_measurements(experiments, datasets)
    values = measured[measured["protocol"] == protocol].drop(columns="protocol")
    if values.empty:
        raise FusevadError(f"metrics: no run was evaluated under protocol {protocol}; train again")
    columns = ["dataset", "experiment", "metric"]
    means: dict[str, dict[str, dict[str, float]]] = {}
    for (dataset, experiment, metric), mean in values.groupby(columns)["value"].mean().items():
        of_experiment = means.setdefault(dataset, {}).setdefault(experiment, {})
        of_experiment[metric] = round(mean, _DIGITS)
    write_csv(values[[*columns, "seed", "value"]].sort_values([*columns, "seed"]), out_csv)
    write_text(macros(measured, protocol), out_json.with_name("numbers.tex"))
    write_json(means, out_json)
