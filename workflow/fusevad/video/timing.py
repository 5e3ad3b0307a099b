"""Rates and times of frames from their time stamps; a container's stated rate is only a guess."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from fusevad.errors import FusevadError
from fusevad.video.containers import REPLACE
from fusevad.video.settings import HIGHEST_RATE, LONGEST_SEGMENT

# Time stamps of a constant rate are off by one step of their clock, or by this share of a frame.
_JITTER = 0.1


def check_rate(file: Path | str, fps: float) -> None:
    """Refuse a frame rate that no camera has.

    Raises:
        FusevadError: it is above `HIGHEST_RATE`.
    """
    if fps > HIGHEST_RATE:
        raise FusevadError(
            f"{file}: {fps:g} frames a second, and cameras record at most {HIGHEST_RATE}; {REPLACE}"
        )


def check_longest(file: Path | str, frames: int, seconds: float) -> None:
    """Refuse frames that are shown longer than in any recording.

    Args:
        file: for the message.
        frames: number of frames: a segment's, or a shorter video's.
        seconds: how long they are shown.

    Raises:
        FusevadError: it is above `LONGEST_SEGMENT`, or no number.
    """
    if not seconds <= LONGEST_SEGMENT:
        raise FusevadError(
            f"{file}: its time stamps say that {frames} frames last {seconds:.0f} seconds,"
            f" and at most {LONGEST_SEGMENT} are taken for a recording; {REPLACE}"
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """When the frames of a video are shown.

    Attributes:
        fps: frames over seconds.
        variable: whether frame k is shown at a time noticeably different from k / fps.
        edges: (frames + 1,) seconds from the first frame: when each frame begins, and the end of
            the last.
    """

    fps: float
    variable: bool
    edges: np.ndarray


def timing_of(
    stamps: Sequence[float], last: float, clock: float, rates: Sequence[Fraction]
) -> Timing | None:
    """Rate and times of a video.

    A stated rate is used if it fits all time stamps; otherwise the time stamps decide.

    Args:
        stamps: of each frame, in seconds, at least one; they may jump back where recordings were
            joined.
        last: length of the last frame in seconds; 0 if unknown, which means the usual length.
        clock: step of the time stamps in seconds.
        rates: frame rates that the container states, best guess first.

    Returns:
        None for a single frame of unknown length.
    """
    begins = _rising(np.array(stamps, float))
    numbers = np.arange(len(begins))
    for rate in rates:
        if len(begins) > 1 and np.ptp(begins - numbers / float(rate)) <= 1.01 * clock:
            return constant(len(begins), rate)
    if len(begins) == 1:
        return constant(1, 1 / last if last else rates[0]) if last or rates else None
    if not begins[-1]:
        return constant(len(begins), rates[0]) if rates else None
    steady = (len(begins) - 1) / begins[-1]
    if np.abs(begins - numbers / steady).max() <= max(clock, _JITTER / steady):
        return constant(len(begins), steady)
    edges = np.append(begins, begins[-1] + (last or float(np.median(np.diff(begins)))))
    return Timing(len(begins) / float(edges[-1]), True, edges)


def constant(frames: int, fps: Fraction | float) -> Timing:
    """Times of a video with a constant rate."""
    return Timing(float(fps), False, np.arange(frames + 1) / float(fps))


def _rising(stamps: np.ndarray) -> np.ndarray:
    """Seconds from the first frame; a jump back counts as one frame of the usual length.

    A frame that is alone in being earlier or later than those around it is between them.
    """
    backward = np.flatnonzero(np.diff(stamps) < 0)
    for place in sorted({*backward, *backward + 1} - {0, len(stamps) - 1}):
        before, here, after = stamps[place - 1 : place + 2]
        if before <= after and not before <= here <= after:
            stamps[place] = (before + after) / 2
    steps = np.diff(stamps)
    forward = steps[steps > 0]
    steps[steps < 0] = np.median(forward) if len(forward) else 0.0
    return np.append(0.0, np.cumsum(steps))
