"""The pairs of a table in words, for `fusevad power`."""

from collections.abc import Iterator

import pandas as pd

from fusevad.errors import FusevadError
from fusevad.report.ablation import measured_values
from fusevad.report.named_tables import NamedTable
from fusevad.report.pair_texts import HOW, pair_lines
from fusevad.report.power import PairVerdict, judge_table
from fusevad.report.runs import check_protocol, fixed


def power_lines(table: NamedTable, margin: float) -> Iterator[str]:
    """What the finished runs of a table support, pair by pair.

    The pairs of the measured rows come first. Ours are judged together with all of them, in a
    family of their own, as in Table 1.

    Args:
        table: whose runs are read.
        margin: largest difference that does not count, as a fraction.

    Raises:
        FusevadError: an unknown protocol, a margin that is no difference of metrics, or a run that
            is missing or wrong.
    """
    check_protocol(table.protocol)
    if not 0 < margin < 1:
        raise FusevadError(f"margin: {100 * margin:g}; give points above 0 and below 100")
    values = table_values(table)
    ours = {row.name for row in table.ours}
    measured = values[~values["experiment"].isin(ours)]
    names = fixed(table.rows)
    yield f"{table.target}, protocol {table.protocol}: pairs of methods, paired on the seeds"
    yield from _lines(table, judge_table(measured, table.protocol, names, margin), margin)
    if ours:
        verdicts = judge_table(values, table.protocol, names, margin)
        own = [each for each in verdicts if {each.pair.first, each.pair.second} & ours]
        yield "OURS, judged together with all rows"
        yield from _lines(table, own, margin)
    yield HOW


def table_values(table: NamedTable) -> pd.DataFrame:
    """The values of all runs of a table, in the form of `runs.read_measurements`.

    Raises:
        FusevadError: a run is missing or wrong.
    """
    for row in table.all_rows:
        for run in row.runs.values():
            if not (run / "seeds.csv").is_file():
                raise FusevadError(
                    f"{run}/seeds.csv: no such run; make the table first:"
                    f" snakemake --cores all {table.target}"
                )
    return measured_values(table.all_rows, table.datasets, table.events)


def _lines(table: NamedTable, verdicts: list[PairVerdict], margin: float) -> Iterator[str]:
    titles = {dataset.key: dataset.title for dataset in table.datasets}
    columns = {v.pair.column: f"{titles[v.pair.column[0]]}, {v.pair.column[1]}" for v in verdicts}
    labels = {row.name: row.label for row in table.all_rows}
    return pair_lines(verdicts, labels, columns, margin)
