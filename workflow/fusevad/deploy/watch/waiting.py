"""Segments between the thread that reads and the one that scores: a few, and the newest."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import NDArray

# At 25 frames a second, 1.3 seconds.
_MOST = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """Sixteen pictures, ready for the encoders.

    Attributes:
        images: of each stream, by role; see `LiveSource.segments`.
        stretch: number of its stretch; between two stretches the camera was not seen.
        start, end: of its first picture and of its end, in seconds of `time.monotonic`.
        arrived: when its last picture was shown, or arrived if that was before.
    """

    images: Mapping[str, NDArray]
    stretch: int
    start: float
    end: float
    arrived: float


class SegmentQueue:
    """Drops the oldest segment when full, so that no score is late, or makes the reader wait.

    Attributes:
        dropped: segments that were never scored.
    """

    def __init__(self, drops: bool) -> None:
        self._drops = drops
        self._segments: deque[Segment] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, segment: Segment) -> None:
        """Add the newest segment."""
        with self._changed:
            if self._drops and len(self._segments) == _MOST:
                self._segments.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: len(self._segments) < _MOST or self._closed)
            self._segments.append(segment)
            self._changed.notify_all()

    def get(self, seconds: float) -> Segment | None:
        """The oldest segment; None if there is none for so long, or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._segments or self._closed, seconds)
            if not self._segments:
                return None
            segment = self._segments.popleft()
            self._changed.notify_all()
            return segment

    def close(self) -> None:
        """Let nobody wait any more: there are no further segments."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def finished(self) -> bool:
        """Whether all segments were taken and no further one comes."""
        with self._changed:
            return self._closed and not self._segments
