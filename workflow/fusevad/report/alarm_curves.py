"""Events found against false alarms an hour, from the threshold swept over the test videos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.evaluate.alarms import Floats, Track, smoothed
from fusevad.evaluate.settings import AlarmSettings
from fusevad.evaluate.timed_videos import TimedVideo, tracks
from fusevad.report.alarm_intervals import found_interval
from fusevad.report.alarm_scores import judged, test_scores

# Of a seed's scores, at most so many are tried as thresholds.
_THRESHOLDS = 128


@dataclass(frozen=True, slots=True)
class FoundCurve:
    """The share of annotated events found at each of some false alarms an hour.

    Attributes:
        share: (rates,), the mean over seeds.
        low, high: (rates,), 95 % interval over other seeds and other videos.
    """

    share: Floats
    low: Floats
    high: Floats


def found_curve(
    run: Path, protocol: str, videos: Sequence[TimedVideo], rules: AlarmSettings, rates: Floats
) -> FoundCurve:
    """What a run finds if every seed's threshold is chosen on the test videos themselves.

    It is the lowest one, from the highest score down, before the test videos raise more false
    alarms an hour than the rate allows: a reference that nobody has in practice.

    Args:
        run: its folder.
        protocol: whose scores are judged.
        videos: the test videos, with an annotated event at least.
        rules: from scores to alarms.
        rates: false alarms an hour, ascending.
    """
    plain = replace(rules, smoothing=0.0)
    found = np.stack(
        [
            _found_at(
                videos,
                [smoothed(track, rules.smoothing) for track in tracks(videos, scores)],
                plain,
                rates,
            )
            for scores in test_scores(run, protocol).values()
        ]
    )
    owner = np.repeat(np.arange(len(videos)), [len(video.intervals) for video in videos])
    low, high = np.transpose([found_interval(found[:, k], owner) for k in range(len(rates))])
    return FoundCurve(found.mean(axis=(0, 2)), low, high)


def _places(count: int) -> NDArray[np.intp]:
    """Which of so many descending scores are tried: the more, the higher, where alarms are few."""
    if count <= _THRESHOLDS:
        return np.arange(count)
    return np.unique(np.geomspace(1, count, _THRESHOLDS).round().astype(int)) - 1


def _found_at(
    videos: Sequence[TimedVideo], found: Sequence[Track], rules: AlarmSettings, rates: Floats
) -> NDArray[np.bool_]:
    """Of one seed, `rates x events`: whether each event is found."""
    scores = np.unique(np.concatenate([track.scores for track in found]))[::-1]
    # Until a threshold raises too many false alarms, nothing is found.
    events = sum(len(video.intervals) for video in videos)
    result = np.zeros((len(rates), events), bool)
    allowed = np.ones(len(rates), bool)
    for threshold in scores[_places(len(scores))]:
        outcome = judged(videos, found, float(threshold), rules, ())
        allowed &= outcome.false_alarms.sum() <= rates * outcome.normal_hours.sum()
        if not allowed.any():
            break
        result[allowed] = outcome.found
    return result
