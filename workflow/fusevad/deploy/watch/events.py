"""Events as they happen: the rules of `evaluate.alarms.find_events`, segment by segment.

The rules only look back, so that the events of a stream are those of the same scores in a file; a
test compares the two. What differs is when they are known: an event is `new` when its alarm is
raised, and it ends `gap` seconds after its last segment, since until then another one may join it.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fusevad.evaluate.alarms import Event, Track, smooth
from fusevad.evaluate.settings import AlarmSettings

Kind = Literal["new", "update", "end"]


@dataclass(frozen=True, slots=True)
class Change:
    """What a segment has changed.

    Attributes:
        kind: `new` once for each event, `update` for each further segment of it, `end` once.
        event: as it is known now; an event that lasts ends with the newest segment.
    """

    kind: Kind
    event: Event


@dataclass(slots=True)
class _Run:
    """Segments whose level stays above the release, from the first one at the threshold on."""

    start: float
    peak: float
    raised: bool = False


class EventFinder:
    """Finds the events of a stream at a threshold.

    A stream is a row of stretches without a gap; between them the camera was not seen. A stretch is
    what a video is for `find_events`, except that `AlarmSettings.gap` joins events across a break.

    Attributes:
        level: smoothed score of the newest segment.
    """

    def __init__(self, threshold: float, settings: AlarmSettings) -> None:
        self._threshold = threshold
        self._settings = settings
        self._scores: deque[float] = deque()
        self._edges: deque[float] = deque()
        self._run: _Run | None = None
        self._event: Event | None = None
        self.level = 0.0

    def begin(self, start: float) -> None:
        """Begin a stretch at a time in seconds, which is not before the end of the last one."""
        self._scores.clear()
        self._edges = deque([start])
        self._run = None

    def add(self, end: float, score: float) -> list[Change]:
        """Take the next segment of the stretch; it began where the one before ended.

        Args:
            end: when it ends, in seconds.
            score: in [0, 1].

        Returns:
            What has changed, in order.
        """
        start = self._edges[-1]
        self._scores.append(score)
        self._edges.append(end)
        self.level = self._smoothed()
        changes = self._follow(start, end)
        return [*changes, *self._ended(end)]

    def rest(self, now: float) -> list[Change]:
        """Nothing is seen, and the next stretch begins at `now` or later."""
        self._run = None
        return self._ended(now)

    def close(self) -> list[Change]:
        """End the event that is open, if there is one: nothing follows."""
        event, self._event = self._event, None
        return [] if event is None else [Change("end", event)]

    def _ended(self, now: float) -> list[Change]:
        """End an event that no later segment can join: all of them begin at `now` or later."""
        event, run = self._event, self._run
        if event is None or (run is not None and run.raised):
            return []
        begins = now if run is None else run.start
        return self.close() if begins - event.end >= self._settings.gap else []

    def _smoothed(self) -> float:
        """Level of the newest segment; scores that are no longer needed are forgotten."""
        needed = self._edges[-1] - self._settings.smoothing
        while len(self._scores) > 1 and self._edges[1] <= needed:
            self._scores.popleft()
            self._edges.popleft()
        track = Track(np.array(self._scores), np.array(self._edges))
        return float(smooth(track, self._settings.smoothing)[-1])

    def _follow(self, start: float, end: float) -> list[Change]:
        """Follow the run that the newest segment, from `start` to `end`, belongs to."""
        if self.level < self._settings.release * self._threshold:
            self._run = None
            return []
        if self._run is None:
            if self.level < self._threshold:
                return []
            self._run = _Run(start, self.level)
        run = self._run
        run.peak = max(run.peak, self.level)
        if run.raised:
            return [Change("update", self._extended(end, run.peak))]
        if end < run.start + self._settings.shortest:
            return []
        run.raised = True
        return self._raise(run, end)

    def _raise(self, run: _Run, end: float) -> list[Change]:
        """The run has lasted long enough: it is an event, or joins the one before."""
        before = self._event
        if before is not None and run.start - before.end < self._settings.gap:
            return [Change("update", self._extended(end, run.peak))]
        ended = self.close()
        self._event = Event(run.start, end, end, run.peak)
        return [*ended, Change("new", self._event)]

    def _extended(self, end: float, peak: float) -> Event:
        assert self._event is not None
        event = self._event
        alarms = 1 + int((end - event.alarm) // self._settings.repeat)
        self._event = replace(event, end=end, peak=max(event.peak, peak), alarms=alarms)
        return self._event
