"""Alarms: from scores to events, and a threshold whose false alarms an hour are bounded.

One piece of code for tables, bundles and cameras. Times are seconds from the start of a video.

The bound is the exact upper confidence limit of a Poisson rate (Garwood, 1936): with n alarms in T
hours it is `chi2.ppf(confidence, 2 (n + 1)) / (2 T)`, and 3.0 / T with none. It is a bound on how
many new false events begin in an hour, if they begin independently of each other: alarms count with
their repeats, so there are at least as many of them as events, and their bound is no lower. Repeats
of one lasting event are not independent, nor are events that come in spells (low sun, rain): no
bound covers those, unless the footage has such times.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2

from fusevad.errors import FusevadError, rounded_up
from fusevad.evaluate.settings import AlarmSettings

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Track:
    """Scores of one video.

    Attributes:
        scores: (segments,), in [0, 1].
        edges: (segments + 1,) seconds: segment k is shown from edge k to edge k + 1.
    """

    scores: Floats
    edges: Floats

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.scores) + 1 or not len(self.scores):
            raise FusevadError(f"{len(self.scores)} scores with {len(self.edges)} times")

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return float(self.edges[-1] - self.edges[0])


@dataclass(frozen=True, slots=True)
class Event:
    """A stretch of a video that raised an alarm.

    Attributes:
        start, end: seconds.
        alarm: when it is raised: the event has lasted `AlarmSettings.shortest` by then.
        peak: highest smoothed score.
        alarms: how often it is raised: again after each `AlarmSettings.repeat`.
    """

    start: float
    end: float
    alarm: float
    peak: float
    alarms: int = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold, and the normal footage that vouches for it.

    Attributes:
        threshold: of smoothed scores.
        alarms: that the footage raised at it, repeats included.
        hours: of footage, as `footage_hours` counts them.
        bound: upper confidence limit of the new false events an hour.
    """

    threshold: float
    alarms: int
    hours: float
    bound: float


def smooth(track: Track, seconds: float) -> Floats:
    """Mean score over the `seconds` before the end of each segment, or since the video began.

    >>> smooth(Track(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 2.0, 3.0])), 2.0)
    array([0. , 0.5, 1. ])
    """
    lengths = np.diff(track.edges)
    area = np.append(0.0, np.cumsum(track.scores * lengths))
    ends = track.edges[1:]
    begins = np.minimum(np.maximum(ends - seconds, track.edges[0]), track.edges[:-1])
    covered = ends - begins  # 0 where the clock of a camera has stood still
    part = area[1:] - np.interp(begins, track.edges, area)
    mean = np.divide(part, covered, out=np.zeros_like(part), where=covered > 0)
    # Of one segment the score itself, without the rounding of sums.
    return np.where(begins == track.edges[:-1], track.scores, mean)


def smoothed(track: Track, seconds: float) -> Track:
    """The track with its smoothed scores, for many thresholds: they then need no smoothing."""
    return Track(smooth(track, seconds), track.edges)


def find_events(track: Track, threshold: float, settings: AlarmSettings) -> list[Event]:
    """Events of a video in their order; see `AlarmSettings`.

    >>> track = Track(np.array([0.1, 0.9, 0.8, 0.1]), np.arange(5.0))
    >>> find_events(track, 0.85, AlarmSettings(smoothing=0))
    [Event(start=1.0, end=3.0, alarm=2.0, peak=0.9, alarms=1)]
    """
    return _events(smooth(track, settings.smoothing), track.edges, threshold, settings)


def _events(level: Floats, edges: Floats, threshold: float, settings: AlarmSettings) -> list[Event]:
    holds = np.concatenate([[False], level >= settings.release * threshold, [False]])
    begins, ends = np.flatnonzero(holds[1:] & ~holds[:-1]), np.flatnonzero(holds[:-1] & ~holds[1:])
    found: list[Event] = []
    for begin, end in zip(begins, ends, strict=True):
        above = np.flatnonzero(level[begin:end] >= threshold)
        if not len(above):
            continue
        first = begin + int(above[0])
        late = np.searchsorted(edges, edges[first] + settings.shortest)
        raised = max(int(late), first + 1)
        if raised > end:
            continue
        start, stop = float(edges[first]), float(edges[end])
        event = Event(start, stop, float(edges[raised]), float(level[first:end].max()))
        if found and start - found[-1].end < settings.gap:
            last = found.pop()
            event = Event(last.start, stop, last.alarm, max(last.peak, event.peak))
        found.append(event)
    return [
        replace(each, alarms=1 + int((each.end - each.alarm) // settings.repeat)) for each in found
    ]


def upper_bound(alarms: int, hours: float, confidence: float = CONFIDENCE) -> float:
    """Upper confidence limit of the rate of a Poisson count, an hour.

    >>> round(upper_bound(0, 1.0), 3)
    2.996
    """
    return float(chi2.ppf(confidence, 2 * (alarms + 1)) / 2 / hours)


def hours_needed(rate: float, confidence: float = CONFIDENCE) -> float:
    """Hours of normal footage without an alarm that certify `rate` alarms an hour.

    >>> round(hours_needed(1.0), 3)
    2.996
    """
    return -math.log(1 - confidence) / rate


def calibrate(
    normal: Sequence[Track],
    rate: float,
    settings: AlarmSettings,
    confidence: float = CONFIDENCE,
) -> Calibration:
    """Find the lowest threshold whose bound on new false events an hour is at most `rate`.

    Thresholds are tried from the highest score down until the first one with too many alarms, and
    the last one before it is taken. This search costs no confidence: it goes wrong only if the
    highest threshold that is truly too low passes, which has a probability of at most
    `1 - confidence` (fixed-sequence testing).

    Args:
        normal: footage without anomalies that training has not seen.
        rate: false alarms an hour, above 0.
        settings: from scores to events.
        confidence: of the bound.

    Raises:
        FusevadError: the footage is too short for `rate`, even without an alarm.
    """
    hours = footage_hours(normal, settings.shortest)
    needed = hours_needed(rate, confidence)
    if hours < needed:
        less = f"{hours:.2f}" != f"{footage_hours(normal):.2f}"
        ends = f" (without the last {settings.shortest:g} s of each, which can raise no alarm)"
        lacking = needed - hours + settings.shortest / SECONDS_PER_HOUR  # as one video
        raise FusevadError(
            f"{hours:.2f} hours of normal video{ends if less else ''} can't certify {rate:g} false"
            f" alarms an hour at {confidence:.0%}; {rounded_up(needed, 3)} hours without an alarm"
            f" can: add {rounded_up(lacking, 3)} hours"
        )
    allowed = 0
    while upper_bound(allowed + 1, hours, confidence) <= rate:
        allowed += 1
    threshold, alarms = _lowest(normal, allowed, settings)
    return Calibration(threshold, alarms, hours, upper_bound(alarms, hours, confidence))


def estimate(normal: Sequence[Track], rate: float, settings: AlarmSettings) -> Calibration:
    """Find the lowest threshold with at most `rate` alarms an hour in this footage.

    No bound is kept: on other footage there may well be more. Arguments as of `calibrate`.
    """
    hours = footage_hours(normal)
    threshold, alarms = _lowest(normal, math.floor(rate * hours), settings)
    return Calibration(threshold, alarms, hours, upper_bound(alarms, hours))


def footage_hours(tracks: Iterable[Track], shortest: float = 0.0) -> float:
    """Hours of video in which an event may begin that lasts `shortest` seconds before the end.

    Args:
        tracks: the videos.
        shortest: as `AlarmSettings.shortest`, where the hours vouch for a threshold: an event that
            begins later raises no alarm, whatever the threshold. 0: all hours.
    """
    return sum(max(0.0, track.seconds - shortest) for track in tracks) / SECONDS_PER_HOUR


def _lowest(normal: Sequence[Track], allowed: int, settings: AlarmSettings) -> tuple[float, int]:
    """The last threshold, from the highest score down, before more than `allowed` alarms."""
    levels = [(smooth(track, settings.smoothing), track.edges) for track in normal]
    scores = np.unique(np.concatenate([level for level, _ in levels]))[::-1]
    chosen, alarms = float(np.nextafter(scores[0], np.inf)), 0
    counts = [0] * len(levels)
    for score, changed in zip(scores, _changes(levels, scores, settings.release), strict=True):
        threshold = float(score)
        for track in changed:
            events = _events(*levels[track], threshold, settings)
            counts[track] = sum(event.alarms for event in events)
        count = sum(counts)
        if count > allowed:
            break
        chosen, alarms = threshold, max(alarms, count)
    return chosen, alarms


def _changes(
    levels: Sequence[tuple[Floats, Floats]], scores: Floats, release: float
) -> list[list[int]]:
    """Of each threshold, which tracks may have other events than at the one before it.

    Events depend on the segments that reach the threshold, and those that reach `release` times it.

    Args:
        levels: scores and edges of each track.
        scores: the thresholds, descending.
        release: as `AlarmSettings.release`.
    """
    changes: list[list[int]] = [[] for _ in scores]
    for track, (level, _) in enumerate(levels):
        raised, held = (np.searchsorted(-factor * scores, -level) for factor in (1.0, release))
        places = np.unique(np.concatenate([raised, held]))
        for place in places[(places >= raised.min()) & (places < len(scores))]:
            changes[place].append(track)
    return changes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the alarms of one video are worth.

    Attributes:
        delays: of each annotated interval in its order: seconds from its start to the first alarm,
            0 for an alarm that was raised before and still lasts, NaN where it is missed.
        false_alarms: raised by events that touch no interval.
        normal_seconds: of the video outside its intervals.
    """

    delays: tuple[float, ...]
    false_alarms: int
    normal_seconds: float


def judge(
    events: Sequence[Event], intervals: Sequence[tuple[float, float]], seconds: float
) -> Outcome:
    """Match the events of a video with its annotated intervals.

    An interval is found if an event touches it whose alarm is raised before the interval ends.

    Args:
        intervals: start and end of each in seconds, half-open.
        seconds: length of the video.
    """
    delays = tuple(
        min(
            (
                max(0.0, event.alarm - start)
                for event in events
                if event.start < end and event.end > start and event.alarm < end
            ),
            default=math.nan,
        )
        for start, end in intervals
    )
    false_alarms = sum(
        event.alarms
        for event in events
        if all(event.end <= start or event.start >= end for start, end in intervals)
    )
    return Outcome(delays, false_alarms, seconds - _covered(intervals))


def _covered(intervals: Sequence[tuple[float, float]]) -> float:
    """Seconds in the union of intervals, which may overlap."""
    total, reached = 0.0, -math.inf
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def matched(
    events: Sequence[Event], intervals: Sequence[tuple[float, float]], overlap: float
) -> int:
    """The most events that can be paired with an interval each, at a tIoU of at least `overlap`."""
    if not events or not intervals:
        return 0
    table = np.array(
        [[_iou(event.start, event.end, *interval) for interval in intervals] for event in events]
    )
    good = table >= overlap
    return int(good[linear_sum_assignment(good, maximize=True)].sum())


def _iou(start: float, end: float, other_start: float, other_end: float) -> float:
    common = min(end, other_end) - max(start, other_start)
    return max(0.0, common) / (max(end, other_end) - min(start, other_start))


def f1(matches: int, events: int, intervals: int) -> float:
    """Event F1, the harmonic mean of precision and recall; NaN where there is nothing to count."""
    return 2 * matches / (events + intervals) if events + intervals else math.nan
