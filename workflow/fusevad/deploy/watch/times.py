"""When frames are shown: of a file, in which recordings may be joined, and of a camera.

Times are those of `time.monotonic`: the machine's clock may be set while a camera is watched.

Packets are read before the frames in them, which a decoder gives back later and in another order:
so each frame has its own time, and not that of the packet that was read last.
"""

import time
from collections import deque
from dataclasses import dataclass
from statistics import median

from fusevad.deploy.watch.clock import Clock
from fusevad.video.settings import HIGHEST_RATE, SEGMENT_FRAMES
from fusevad.video.timing import check_longest, check_rate

# Seconds. Time stamps that jump further belong to another recording or clock.
LONGEST_JUMP = 5.0
_USUAL_STEP = 1 / 25


@dataclass(slots=True)
class Packets:
    """The packets of a source.

    Attributes:
        stamp: of the newest one, in seconds.
        clock: of their arrivals; None before the first.
    """

    stamp: float = 0.0
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """When a frame is shown.

    Attributes:
        stamp: seconds, of `time.monotonic` if there is no clock.
        begins: whether the frame before is of another recording, or of the camera's clock before it
            was set.
        clock: that makes the stamp such a time, and still learns in its first second.
    """

    stamp: float
    begins: bool
    clock: Clock | None = None

    @property
    def time(self) -> float:
        """Seconds of `time.monotonic`, as it is known now."""
        return self.stamp if self.clock is None else self.clock.time_of(self.stamp)


class FileTimes:
    """Times of a file's frames, which only rise, as those of `timing_of`.

    A step back, where recordings were joined, counts as one frame of the usual length. So does the
    one after a single stamp that is too late, which `timing_of` finds out by looking ahead.
    """

    def __init__(self) -> None:
        self._stamp: float | None = None
        self._zero = 0.0
        self._steps = deque((_USUAL_STEP,), maxlen=SEGMENT_FRAMES)

    def of(self, stamp: float | None) -> Shown:
        """When the next frame is shown; with no stamp, after the usual time."""
        if self._stamp is None:
            self._stamp = stamp or 0.0
            self._zero = time.monotonic() - self._stamp
        stamp = self._stamp + median(self._steps) if stamp is None else stamp
        step = stamp - self._stamp
        if step > 0:
            self._steps.append(step)
        elif step < 0:
            self._zero += median(self._steps) - step
        self._stamp = stamp
        return Shown(self._zero + stamp, begins=step < -LONGEST_JUMP)


class CameraTimes:
    """Times of a camera's frames, by the clock that its packets are compared with."""

    def __init__(self, packets: Packets) -> None:
        self._packets = packets
        self._stamp: float | None = None

    def of(self, stamp: float | None) -> Shown:
        """When the next frame is shown: by its own stamp, or, if that is odd, by the packet's."""
        if stamp is None and self._stamp is not None:
            stamp = self._stamp + _USUAL_STEP
        elif stamp is None or abs(stamp - self._packets.stamp) > LONGEST_JUMP:
            stamp = self._packets.stamp
        last = stamp if self._stamp is None else self._stamp
        begins = abs(stamp - last) > LONGEST_JUMP
        # Frames of a camera that steps back a little keep their order.
        self._stamp = stamp if begins else max(stamp, last)
        clock = self._packets.clock = self._packets.clock or Clock(self._stamp, time.monotonic())
        return Shown(self._stamp, begins, clock)


class StampCheck:
    """Checks the time stamps of a file: the first that no recording has ends the watch."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._last: deque[float] = deque(maxlen=SEGMENT_FRAMES)
        self._steps = 0
        self._seconds = 0.0

    def interrupt(self) -> None:
        """Go on after stamps that were left out."""
        self._last.clear()

    def add(self, stamp: float) -> None:
        """Check the next stamp, as `video.timing` checks those of a whole file.

        Raises:
            FusevadError: frames are shown too long, or are too many a second.
        """
        if self._last and stamp < self._last[-1]:  # recordings were joined
            self._last.clear()
        if self._last:
            self._steps += 1
            self._seconds += stamp - self._last[-1]
            check_longest(self._shown, len(self._last), stamp - self._last[0])
        self._last.append(stamp)
        if self._steps >= SEGMENT_FRAMES:
            check_rate(self._shown, self._steps / max(self._seconds, 1 / HIGHEST_RATE))
