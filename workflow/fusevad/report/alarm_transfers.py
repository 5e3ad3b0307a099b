"""Alarms on another data set than a run learned from: the last block of the table of alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from fusevad.evaluate.timed_videos import normal_scores
from fusevad.report import sheet
from fusevad.report.alarm_cells import alarm_rows
from fusevad.report.alarm_footage import ScoredFootage, ScoredVideos, Source, seed_tracks
from fusevad.report.alarm_tabular import alarm_tabular
from fusevad.report.runs import TableDataset, TableRow
from fusevad.studies.settings import FOOTAGE, HELD_OUT, TEST, UNSEEN, AlarmTableSettings

# The normal footage of the data set that is tested on.
_NEW_FOOTAGE = "new-footage"
_CERTIFIED = (HELD_OUT, FOOTAGE, UNSEEN, _NEW_FOOTAGE)
_LABELS = {
    HELD_OUT: "trained on: held-out",
    FOOTAGE: "trained on: own footage",
    UNSEEN: "tested on: training videos",
    _NEW_FOOTAGE: "tested on: own footage",
}
SOURCES = (
    *(Source(part, f"{_LABELS[part]}, certified", part, certified=True) for part in _CERTIFIED),
    *(
        Source(f"{part}-estimate", f"{_LABELS[part]}, estimated", part, certified=False)
        for part in (HELD_OUT, UNSEEN)
    ),
    Source("test", "test's own (optimistic)", None, certified=False),
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A run, and another data set whose videos it has scored.

    Attributes:
        trained_on, tested_on: keys of the data sets.
        scores: of `other`, the test videos and normal training videos of that data set, and, if
            it has any, of its normal `footage`.
    """

    experiment: str
    trained_on: str
    tested_on: str
    scores: Mapping[Literal["other", "footage"], Path]


def transfer_table(
    experiments: Sequence[TableRow],
    transfers: Sequence[Transfer],
    scored: ScoredFootage,
    alarms: AlarmTableSettings,
) -> pd.DataFrame:
    """Rows of the CSV of `make_alarms_table`."""
    labels = {row.name: row.label for row in experiments}
    rows = []
    for transfer in transfers:
        key = {
            "block": "transfer",
            "dataset": transfer.tested_on,
            "trained_on": transfer.trained_on,
            "experiment": transfer.experiment,
            "method": labels[transfer.experiment],
        }
        rows += [key | cell for cell in _cells(transfer, scored, alarms)]
    return pd.DataFrame(rows)


def _cells(
    transfer: Transfer, scored: ScoredFootage, alarms: AlarmTableSettings
) -> list[dict[str, object]]:
    own, videos = scored.of(transfer.experiment, transfer.trained_on), scored.videos
    new = videos[transfer.tested_on].unseen(videos[transfer.trained_on].learned)
    file = transfer.scores["other"]
    normal = {part: own[part] for part in (HELD_OUT, FOOTAGE) if part in own}
    normal[UNSEEN] = ScoredVideos(new.train, normal_scores(file, UNSEEN))
    if "footage" in transfer.scores:
        scores = scored.footage_scores(transfer.experiment, transfer.scores["footage"])
        normal[_NEW_FOOTAGE] = ScoredVideos(new.footage, scores)
    tests = ScoredVideos(new.tests, normal_scores(file, TEST))
    seeds = seed_tracks(tests, normal, alarms.events.smoothing)
    return alarm_rows(seeds, new.tests, SOURCES, alarms)


def transfer_parts(
    table: pd.DataFrame, datasets: Sequence[TableDataset], alarms: AlarmTableSettings
) -> list[sheet.Part]:
    """A tabular for each pair of data sets; nothing without any."""
    if table.empty:
        return []
    titles = {dataset.key: dataset.title for dataset in datasets}
    parts: list[sheet.Part] = [
        sheet.Caption(
            "On other data.",
            "Trained on one data set → tested on another. The threshold comes from normal videos of"
            " the data set that the run was trained on, or of the one that it is tested on, of"
            " which training has seen none: files that are in both are left out.",
        )
    ]
    notes = []
    for (source, target), own in table.groupby(["trained_on", "dataset"], sort=False):
        heading = f"{titles[str(source)]} → {titles[str(target)]}"
        parts.append(alarm_tabular(heading, own, alarms, SOURCES))
        hours = own[own["threshold_from"] == UNSEEN]["hours"].min()
        notes.append(f"{heading}: {hours:.2f} h of normal training videos of the latter.")
    return [*parts, sheet.Notes(tuple(notes))]
