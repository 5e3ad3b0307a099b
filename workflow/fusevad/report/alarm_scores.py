"""What the alarms of a run are worth on the test videos of a data set, seed by seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.evaluate.alarms import (
    SECONDS_PER_HOUR,
    Event,
    Outcome,
    Track,
    f1,
    find_events,
    judge,
    matched,
)
from fusevad.evaluate.settings import AlarmSettings
from fusevad.evaluate.timed_videos import TimedVideo, by_seed
from fusevad.report.runs import read_scores


@dataclass(frozen=True, slots=True)
class Judged:
    """Alarms of one seed at one threshold on the test videos.

    Attributes:
        found: of each interval in the videos' order, whether it was found.
        delays: of those found, in seconds.
        false_alarms: raised by events that touch no interval.
        normal_hours: of all test videos, outside the intervals.
        event_f1: by tIoU.
    """

    found: tuple[bool, ...]
    delays: tuple[float, ...]
    false_alarms: int
    normal_hours: float
    event_f1: dict[float, float]


def test_scores(run: Path, protocol: str) -> dict[int, pd.DataFrame]:
    """The scores of the test videos, by seed."""
    return by_seed(read_scores(run, protocol))


def judged(
    videos: Sequence[TimedVideo],
    found: Sequence[Track],
    threshold: float,
    settings: AlarmSettings,
    overlaps: Sequence[float],
) -> Judged:
    """Judge the alarms of one seed's test tracks at a threshold."""
    events: list[list[Event]] = [find_events(track, threshold, settings) for track in found]
    outcomes: list[Outcome] = [
        judge(own, video.intervals, track.seconds)
        for own, video, track in zip(events, videos, found, strict=True)
    ]
    delays = np.array([delay for outcome in outcomes for delay in outcome.delays])
    total = sum(map(len, events))
    f1_by_overlap = {}
    for overlap in overlaps:
        pairs = zip(events, videos, strict=True)
        matches = sum(matched(own, video.intervals, overlap) for own, video in pairs)
        f1_by_overlap[overlap] = f1(matches, total, len(delays))
    return Judged(
        tuple(bool(x) for x in np.isfinite(delays)),
        tuple(float(x) for x in delays[np.isfinite(delays)]),
        sum(outcome.false_alarms for outcome in outcomes),
        sum(outcome.normal_seconds for outcome in outcomes) / SECONDS_PER_HOUR,
        f1_by_overlap,
    )
