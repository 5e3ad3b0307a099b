"""The pairs of a table in words, for `fusevad power`."""

from collections.abc import Iterator, Sequence

import pandas as pd

from fusevad.errors import FusevadError
from fusevad.plan.ancestry import check_recorded
from fusevad.report import classes
from fusevad.report.ablation import measured_values
from fusevad.report.localisation import EVENT_COLUMN, event_families
from fusevad.report.named_tables import NamedTable
from fusevad.report.pair_texts import HOW, pair_lines
from fusevad.report.power import PairVerdict, judge_table
from fusevad.report.runs import (
    TableRow,
    check_protocol,
    fixed,
    read_class_measurements,
    read_event_measurements,
)


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
    yield f"{table.target}, protocol {table.protocol}: pairs of methods, paired on the seeds"
    match table.kind:
        case "runs":
            yield from _lines_of_runs(table, margin)
        case "classes":
            values = read_class_measurements(_with_runs(table, "classes.csv"), table.datasets)
            yield from _lines(table, _judge(table, values, classes.COLUMN, margin), margin)
        case "localisation":
            values = read_event_measurements(_with_runs(table, "localisation.csv"), table.datasets)
            for what, own in event_families(values).items():
                yield what.upper()
                yield from _lines(table, _judge(table, own, EVENT_COLUMN, margin), margin)
    yield HOW


def _lines_of_runs(table: NamedTable, margin: float) -> Iterator[str]:
    """Lines of the measured rows, and of ours."""
    files = ["seeds.csv", *(["localisation.csv"] if table.events else [])]
    values = measured_values(_with_runs(table, *files), table.datasets, table.events)
    ours = {row.name for row in table.ours}
    measured = values[~values["experiment"].isin(ours)]
    keys = ("dataset", "metric")
    yield from _lines(table, _judge(table, measured, keys, margin), margin)
    if ours:
        verdicts = _judge(table, values, keys, margin)
        own = [each for each in verdicts if {each.pair.first, each.pair.second} & ours]
        yield "OURS, judged together with all rows"
        yield from _lines(table, own, margin)


def _judge(
    table: NamedTable, values: pd.DataFrame, keys: Sequence[str], margin: float
) -> list[PairVerdict]:
    return judge_table(values, table.protocol, fixed(table.rows), margin, keys)


def _with_runs(table: NamedTable, *files: str) -> list[TableRow]:
    """All rows of a table.

    Raises:
        FusevadError: a run lacks one of the files, or has another than was recorded.
    """
    for row in table.all_rows:
        for path in (run / file for run in row.runs.values() for file in files):
            if not path.is_file():
                raise FusevadError(
                    f"{path}: no such run; make the table first:"
                    f" snakemake --cores all {table.target}"
                )
            check_recorded(path)
    return table.all_rows


def _lines(table: NamedTable, verdicts: list[PairVerdict], margin: float) -> Iterator[str]:
    titles = {dataset.key: dataset.title for dataset in table.datasets}
    columns = {
        v.pair.column: ", ".join([titles[v.pair.column[0]], *v.pair.column[1:]]) for v in verdicts
    }
    labels = {row.name: row.label for row in table.all_rows}
    return pair_lines(verdicts, labels, columns, margin)
