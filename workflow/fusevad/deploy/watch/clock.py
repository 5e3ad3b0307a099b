"""Time stamps of a stream as times of this machine, and how late its pictures come."""

import math

# The least delay seen may grow by this share of the time: clocks of cameras run slow or fast by
# some 0.01 %, while pictures that pile up are late by more.
_DRIFT = 0.001
# Times follow the delay by this share, so that no second is twice as long as another.
_SLEW = 0.01
# Seconds from the first arrival: what a camera has kept comes at once, and then the delay is known.
_LEARNING = 1.0


class Clock:
    """Learns when time 0 of the stamps was: the arrival with the least delay tells.

    All times are seconds; arrivals are of `time.monotonic`, which nobody sets.
    """

    def __init__(self, stamp: float, now: float) -> None:
        """Begin with the first stamp and its arrival."""
        self._zero = self._shown = now - stamp
        self._first = self._last = now

    def late(self, stamp: float, now: float) -> float:
        """How much later than the quickest one a stamp arrives."""
        passed, self._last = max(0.0, now - self._last), now
        self._zero = min(self._zero + _DRIFT * passed, now - stamp)
        step = _SLEW * passed if now - self._first > _LEARNING else math.inf
        self._shown += min(max(self._zero - self._shown, -step), step)
        return now - stamp - self._zero

    def due(self, stamp: float) -> float:
        """When the quickest arrival of a stamp is."""
        return self._zero + stamp

    def time_of(self, stamp: float) -> float:
        """When a stamp was, for readers."""
        return self._shown + stamp
