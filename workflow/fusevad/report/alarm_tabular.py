"""A block of the table of alarms, as its rows are printed."""

from collections.abc import Sequence

import pandas as pd

from fusevad.report import sheet
from fusevad.report.alarm_footage import Source
from fusevad.studies.settings import AlarmTableSettings


def alarm_tabular(
    title: str, own: pd.DataFrame, alarms: AlarmTableSettings, sources: Sequence[Source]
) -> sheet.Tabular:
    """The rows of the CSV of one block, a line for each method and source of thresholds.

    Args:
        title: of the block.
        own: its rows.
        alarms: rates and overlaps.
        sources: that may appear, with their labels.
    """
    overlaps = [f"F1@{overlap:g}" for overlap in alarms.overlaps]
    heads = [
        (title, ["threshold from"]),
        *((f"{rate:g} false alarms/h", ["found", "false"]) for rate in alarms.rates),
        (f"at {alarms.judged_at:g}/h", ["delay", *overlaps]),
    ]
    lines = [*sheet.grouped_head("Method", heads), "rule"]
    # Sources that certify none of the rates have no row; a note has the hours that they lack.
    own = own.groupby("threshold_from").filter(lambda part: part["found"].notna().any())
    labels = {source.name: source.label for source in sources}
    for _, of_method in own.groupby("experiment", sort=False):
        for number, (source, part) in enumerate(of_method.groupby("threshold_from", sort=False)):
            cells = part.set_index("rate")
            texts: list[sheet.Cell] = ["" if number else cells["method"].iloc[0]]
            texts.append(labels[str(source)])
            for rate in alarms.rates:
                texts += [_found(cells.loc[rate]), _decimal(cells.loc[rate, "false_alarms"], 1)]
            at = cells.loc[alarms.judged_at]
            texts.append(_decimal(at["delay"], 1, " s"))
            texts += [_decimal(at[f"f1_{overlap:g}"], 2) for overlap in alarms.overlaps]
            lines.append(sheet.line(texts))
        lines.append("space")
    columns = 2 * len(alarms.rates) + 1 + len(alarms.overlaps)
    return sheet.tabular(columns, lines[:-1], texts=2)


def _found(cell: pd.Series) -> sheet.Cell:
    if cell["found"] != cell["found"]:
        return sheet.MISSING
    return f"{cell['found']:.0f} [{cell['found_low']:.0f}, {cell['found_high']:.0f}]"


def _decimal(value: float, digits: int, unit: str = "") -> sheet.Cell:
    return sheet.MISSING if value != value else f"{value:.{digits}f}{unit}"
