"""Alarms an hour: what a detector finds at a stated number of false alarms, and who vouches."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusevad.evaluate.alarms import hours_needed
from fusevad.files import write_csv
from fusevad.report import latex, sheet
from fusevad.report.alarm_cells import alarm_cell
from fusevad.report.alarm_footage import SOURCES, AlarmVideos, Footage, seed_tracks
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.write_sheet import write_sheet
from fusevad.studies.settings import FOOTAGE, HELD_OUT, LEARNED, AlarmTableSettings

_NOTES = (
    "Found: annotated events with an alarm before they end, in percent; in brackets the 95 % "
    "interval of a bootstrap of seeds and videos, crossed. false: alarms that touch no annotated "
    "event, an hour of the test videos outside such events: what the promise comes to.",
    "Delay: median from the start of an event to its alarm. F1: of events matched one to one at "
    "that tIoU.",
    "certified: the exact Poisson bound (95 %) on false alarms is at most the number in the head; "
    "estimated: the footage itself has at most so many. Thresholds of videos that training learned "
    "from are too low, whatever their bound says; thresholds of the test's own normal videos have "
    "seen what they are judged on.",
)


def make_alarms_table(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    normals: Mapping[str, Mapping[str, Path]],
    footage: Mapping[str, Footage],
    footage_scores: Mapping[str, Mapping[str, Path]],
    alarms: AlarmTableSettings,
    protocol: str,
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write events found at stated false alarms an hour as LaTeX that compiles alone, and as CSV.

    The CSV has a row for each dataset, experiment, source of the threshold and rate, with block
    (measured), certified, hours (of footage; the mean over seeds), hours_needed, seeds, threshold,
    found, low, high (in percent), false_alarms (an hour), delay (seconds), f1_OVERLAP. What the
    footage can't certify is empty.

    Args:
        name: of the target.
        title: what the table shows.
        experiments: rows, in order.
        datasets: a tabular each.
        normals: the scores of normal training videos, by experiment and key of the data set.
        footage: further normal videos, by key of the data set whose alarms they certify.
        footage_scores: their scores, by experiment and key of the data set.
        alarms: rates, overlaps, and how scores become alarms.
        protocol: last or validation.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    check_protocol(protocol)
    rows = []
    for dataset in datasets:
        videos = AlarmVideos.of(dataset, footage.get(dataset.key))
        for row in experiments:
            if dataset.key not in row.runs:
                continue
            files = dict.fromkeys((HELD_OUT, LEARNED), normals[row.name][dataset.key])
            if dataset.key in footage:
                files[FOOTAGE] = footage_scores[row.name][dataset.key]
            rows += _rows(dataset, row, files, videos, alarms, protocol)
    table = pd.DataFrame(rows)
    parts: list[sheet.Part] = [
        sheet.Caption(latex.numbered(name), f"{title}. Protocol: {protocol}.")
    ]
    for dataset in datasets:
        own = table[table["dataset"] == dataset.key]
        parts.append(_tabular(dataset, own, alarms))
    notes = [
        *_NOTES,
        *(_hours(dataset, table, alarms, footage.get(dataset.key)) for dataset in datasets),
        _rules(alarms),
    ]
    parts.append(sheet.Notes(tuple(notes)))
    write_csv(table.assign(block="measured"), out_csv)
    write_sheet(parts, out_tex, wide=True)


def _rows(
    dataset: TableDataset,
    row: TableRow,
    files: Mapping[str, Path],
    videos: AlarmVideos,
    alarms: AlarmTableSettings,
    protocol: str,
) -> list[dict[str, object]]:
    """Rows of the CSV of one experiment on one data set."""
    run, smoothing = row.runs[dataset.key], alarms.events.smoothing
    seeds = seed_tracks(run, files, videos, smoothing, protocol)
    key = {"dataset": dataset.key, "experiment": row.name, "method": row.label}
    return [
        key | alarm_cell(seeds, videos.tests, source, rate, alarms)
        for source in SOURCES
        if source.part in (None, *files)
        for rate in alarms.rates
    ]


def _tabular(dataset: TableDataset, own: pd.DataFrame, alarms: AlarmTableSettings) -> sheet.Tabular:
    overlaps = [f"F1@{overlap:g}" for overlap in alarms.overlaps]
    heads = [
        (dataset.title, ["threshold from"]),
        *((f"{rate:g} false alarms/h", ["found", "false"]) for rate in alarms.rates),
        (f"at {alarms.judged_at:g}/h", ["delay", *overlaps]),
    ]
    lines = [*sheet.grouped_head("Method", heads), "rule"]
    # Sources that certify none of the rates have no row; a note has the hours that they lack.
    own = own.groupby("threshold_from").filter(lambda part: part["found"].notna().any())
    labels = {source.name: source.label for source in SOURCES}
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
    return f"{cell['found']:.0f} [{cell['low']:.0f}, {cell['high']:.0f}]"


def _decimal(value: float, digits: int, unit: str = "") -> sheet.Cell:
    return sheet.MISSING if value != value else f"{value:.{digits}f}{unit}"


def _hours(
    dataset: TableDataset, table: pd.DataFrame, alarms: AlarmTableSettings, footage: Footage | None
) -> str:
    """How much normal video there is, and what it can't certify."""
    own = table[table["dataset"] == dataset.key]
    hours = {str(name): part["hours"].min() for name, part in own.groupby("threshold_from")}
    lacking = [
        f"{hours_needed(rate):.2g} h for {rate:g}/h"
        for rate in alarms.rates
        if hours["held-out"] < hours_needed(rate)
    ]
    text = (
        f"{dataset.title}: {hours['held-out']:.2f} h of normal video are held out,"
        f" {hours['learned']:.2f} h learned from, {hours['test']:.2f} h are in the test"
    )
    if footage:
        text += f", {hours['footage']:.2f} h are own footage ({footage.title})"
    return text + (f"; to certify takes {', '.join(lacking)} (–, or no row)." if lacking else ".")


def _rules(alarms: AlarmTableSettings) -> str:
    rules = alarms.events
    return (
        f"Alarms: scores are averaged over {rules.smoothing:g} s; an event lasts until the score "
        f"falls below {rules.release:g} of the threshold, raises its alarm after "
        f"{rules.shortest:g} s and again every {rules.repeat:g} s, and is one with the next if less"
        f" than {rules.gap:g} s lie between."
    )
