"""What the alarms of a run are worth on the test videos of a data set, seed by seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusevad.evaluate.alarms import (
    SECONDS_PER_HOUR,
    Event,
    Floats,
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
        delays: (intervals,) in the videos' order, in seconds; NaN where none was found.
        alarms: (videos,) events that raised one.
        intervals: (videos,) annotated ones.
        false_alarms: (videos,) raised by events that touch no interval.
        normal_hours: (videos,) outside the intervals.
        matches: (videos,) pairs of an event and an interval, by tIoU.
    """

    delays: Floats
    alarms: Floats
    intervals: Floats
    false_alarms: Floats
    normal_hours: Floats
    matches: dict[float, Floats]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(intervals,) whether each was found."""
        return np.isfinite(self.delays)

    def event_f1(self, overlap: float) -> float:
        """F1 of events that match at this tIoU."""
        matches = int(self.matches[overlap].sum())
        return f1(matches, int(self.alarms.sum()), int(self.intervals.sum()))


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
    matches = {
        overlap: np.array(
            [
                matched(own, video.intervals, overlap)
                for own, video in zip(events, videos, strict=True)
            ],
            np.float64,
        )
        for overlap in overlaps
    }
    return Judged(
        np.array([delay for outcome in outcomes for delay in outcome.delays]),
        np.array([len(own) for own in events], np.float64),
        np.array([len(video.intervals) for video in videos], np.float64),
        np.array([outcome.false_alarms for outcome in outcomes], np.float64),
        np.array([outcome.normal_seconds for outcome in outcomes]) / SECONDS_PER_HOUR,
        matches,
    )
