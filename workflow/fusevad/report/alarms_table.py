"""Alarms an hour: what a detector finds at a stated number of false alarms, and who vouches."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fusevad.csv_tables import write_csv
from fusevad.errors import rounded_up
from fusevad.evaluate.alarms import hours_needed
from fusevad.report import latex, sheet
from fusevad.report.alarm_cells import alarm_rows
from fusevad.report.alarm_footage import (
    SOURCES,
    TEST,
    AlarmVideos,
    Footage,
    ScoredFootage,
    ScoredVideos,
    seed_tracks,
)
from fusevad.report.alarm_scores import test_scores
from fusevad.report.alarm_tabular import alarm_tabular
from fusevad.report.alarm_transfers import Transfer, transfer_parts, transfer_table
from fusevad.report.runs import TableDataset, TableRow, check_protocol, with_runs
from fusevad.report.write_sheet import write_sheet
from fusevad.studies.settings import AlarmTableSettings

_NOTES = (
    "Found: annotated events with an alarm before they end, in percent; in brackets the 95 % "
    "interval of a bootstrap of seeds and videos, crossed. false: alarms that touch no annotated "
    "event, an hour of the test videos outside such events: what the promise comes to.",
    "Delay: median from the start of an event to its alarm. F1: of events matched one to one at "
    "that tIoU.",
    "certified: the exact Poisson bound (95 %) on new false events is at most the number in the "
    "head, if they begin independently of each other; estimated: the footage itself has at most so "
    "many alarms. Thresholds of videos that training learned "
    "from are too low, whatever their bound says; thresholds of the test's own normal videos have "
    "seen what they are judged on.",
)
_IMPORTED = (
    "Imported scores are of test videos alone, so that no honest threshold can be had for them."
)


def make_alarms_table(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    normals: Mapping[str, Mapping[str, Path]],
    footage: Mapping[str, Footage],
    footage_scores: Mapping[str, Mapping[str, Path]],
    transfers: Sequence[Transfer],
    alarms: AlarmTableSettings,
    protocol: str,
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write events found at stated false alarms an hour as LaTeX that compiles alone, and as CSV.

    The CSV has a row for each dataset (that is tested on), trained_on, experiment, threshold_from
    (source of the threshold) and rate, with block (measured|imported|transfer), method, certified,
    hours (of footage, of the seed that has the least; where certified, without the last `shortest`
    seconds of each video), hours_needed, seeds, normal_score (mean of the footage), threshold, and
    found (in percent), false_alarms (an hour), delay (seconds), f1_OVERLAP, each with its 95 %
    interval as NAME_low and NAME_high. What the footage can't certify is empty.

    Args:
        name: of the target.
        title: what the table shows.
        experiments: rows, in order.
        datasets: a tabular each, but for those without a run.
        normals: the scores of normal training videos, by experiment and key of the data set;
            experiments with imported scores have none.
        footage: further normal videos, by key of the data set whose alarms they certify.
        footage_scores: their scores, by experiment and key of the data set.
        transfers: runs whose alarms on another data set are shown.
        alarms: rates, overlaps, and how scores become alarms.
        protocol: last or validation.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    check_protocol(protocol)
    videos = {each.key: AlarmVideos.of(each, footage.get(each.key)) for each in datasets}
    unpictured = {row.name for row in experiments if not row.pictured}
    scored = ScoredFootage(videos, normals, footage_scores, unpictured)
    shown = with_runs(datasets, experiments)
    rows = []
    for dataset in shown:
        for row in experiments:
            if dataset.key in row.runs:
                rows += _rows(dataset, row, scored, alarms, protocol)
    table = pd.DataFrame(rows)
    moved = transfer_table(experiments, transfers, scored, alarms)
    parts: list[sheet.Part] = [
        sheet.Caption(latex.numbered(name), f"{title}. Protocol: {protocol}.")
    ]
    for dataset in shown:
        own = table[table["dataset"] == dataset.key]
        parts.append(alarm_tabular(dataset.title, own, alarms, SOURCES))
    notes = [
        *_NOTES,
        *([_IMPORTED] if any(row.imported for row in experiments) else []),
        *(_hours(dataset, table, alarms, footage.get(dataset.key)) for dataset in shown),
        _rules(alarms),
    ]
    parts += [sheet.Notes(tuple(notes)), *transfer_parts(moved, datasets, alarms)]
    write_csv(pd.concat([table, moved] if transfers else [table]), out_csv)
    write_sheet(parts, out_tex, wide=True)


def _rows(
    dataset: TableDataset,
    row: TableRow,
    scored: ScoredFootage,
    alarms: AlarmTableSettings,
    protocol: str,
) -> list[dict[str, object]]:
    """Rows of the CSV of one experiment on one data set."""
    tests = scored.videos[dataset.key].tests
    seen = ScoredVideos(tests, test_scores(row.runs[dataset.key], protocol))
    normal = scored.of(row.name, dataset.key)
    seeds = seed_tracks(seen, normal, alarms.events.smoothing)
    return [
        {"block": "imported" if row.imported else "measured"}
        | {"dataset": dataset.key, "trained_on": dataset.key}
        | {"experiment": row.name, "method": row.label}
        | cell
        for cell in alarm_rows(seeds, tests, SOURCES, alarms)
    ]


def _hours(
    dataset: TableDataset, table: pd.DataFrame, alarms: AlarmTableSettings, footage: Footage | None
) -> str:
    """How much normal video there is, and what it can't certify."""
    own = table[table["dataset"] == dataset.key]
    if set(own["threshold_from"]) == {TEST}:
        return f"{dataset.title}: {own['hours'].min():.2f} h of normal video are in the test."
    hours = {str(name): part["hours"].min() for name, part in own.groupby("threshold_from")}
    lacking = [
        f"{rounded_up(hours_needed(rate), 2)} h for {rate:g}/h"
        for rate in alarms.rates
        if hours["held-out"] < hours_needed(rate)
    ]
    text = (
        f"{dataset.title}: {hours['held-out']:.2f} h of normal video are held out,"
        f" {hours['learned']:.2f} h learned from, {hours[TEST]:.2f} h are in the test"
    )
    if footage:
        text += f", {hours['footage']:.2f} h are own footage ({footage.title})"
    scores = own.groupby("threshold_from")["normal_score"].mean()
    text += (
        f". Their mean scores, over all methods: {scores['held-out']:.3f} held out,"
        f" {scores['learned']:.3f} learned from, {scores[TEST]:.3f} in the test"
    )
    return text + (f"; to certify takes {', '.join(lacking)} (–, or no row)." if lacking else ".")


def _rules(alarms: AlarmTableSettings) -> str:
    rules = alarms.events
    return (
        f"Alarms: scores are averaged over {rules.smoothing:g} s; an event lasts until the score "
        f"falls below {rules.release:g} of the threshold, raises its alarm after "
        f"{rules.shortest:g} s and again every {rules.repeat:g} s, and is one with the next if less"
        f" than {rules.gap:g} s lie between. Hours that certify are without the last "
        f"{rules.shortest:g} s of each video: an event that begins there raises no alarm."
    )
