"""Motion cues: per pixel, how many frame differences of a window exceed a threshold.

Source: the IEF-VAD paper (arXiv 2505.02393), event images, and its released extractor. All windows
and thresholds are counted in one decode of the video, on frames of 340x256 pixels.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from fusevad.cues.settings import CueSettings, cue_name
from fusevad.video.decode import SEGMENT_FRAMES, segment_count
from fusevad.video.pixels import GRAY_SCALE, Picture, count_changes, gray_of_rgb

_MIDDLE = SEGMENT_FRAMES // 2


def normalise(counts: np.ndarray, window: int, settings: CueSettings) -> np.ndarray:
    """Scale counts to float32 in [0, 1] by a constant, independent of the rest of the batch."""
    if settings.definition != "released":
        return counts.astype(np.float32) / np.float32(window)
    highest = min(window - 1, settings.clamp)
    return np.minimum(counts, settings.clamp).astype(np.float32) / np.float32(highest)


def cue_counts(
    frames: Iterable[Picture | np.ndarray], settings: CueSettings
) -> Iterator[dict[str, np.ndarray]]:
    """Count the differences above the thresholds in the window around each segment.

    The window of T frames of segment s is [16 s + 8 - T/2, 16 s + 8 + T/2), cut off at the ends of
    the video. The first frame of a video has no difference.

    Args:
        frames: pictures, or RGB frames, (height, width, 3) uint8.
        settings: definition, windows and thresholds.

    Yields:
        One dictionary a segment, including an incomplete last one: `cue_name` to (height, width)
        uint8 counts.
    """
    return window_counts(_running_changes(frames, settings), settings)


def _running_changes(
    frames: Iterable[Picture | np.ndarray], settings: CueSettings
) -> Iterator[np.ndarray]:
    limits = np.array([GRAY_SCALE * threshold for threshold in settings.thresholds], np.int32)
    previous = total = None
    for frame in frames:
        gray = frame.gray() if isinstance(frame, Picture) else gray_of_rgb(frame)
        if previous is None:
            previous = gray
            total = np.zeros((len(limits), *gray.shape), np.uint8)
        count_changes(gray, previous, limits, total)
        previous = gray
        yield total


def window_counts(
    totals: Iterable[np.ndarray], settings: CueSettings
) -> Iterator[dict[str, np.ndarray]]:
    """Counts in the window around each segment, as in `cue_counts`, from running totals.

    Args:
        totals: after each frame, how often each pixel has counted so far, for each threshold:
            (thresholds, height, width) uint8, modulo 256, which is exact for differences of totals
            as no window is longer than 64. It may be the same array every time, updated.
        settings: definition, windows and thresholds.
    """
    half = max(settings.windows) // 2
    snapshots = _Snapshots(settings)
    segment = 0
    time = -1
    for time, total in enumerate(totals):
        snapshots.keep(time, total)
        if time == SEGMENT_FRAMES * segment + _MIDDLE + half - 1:
            yield snapshots.counts(segment, time + 1)
            segment += 1
    for last in range(segment, segment_count(time + 1)):
        snapshots.end(time, total)
        yield snapshots.counts(last, time + 1)


class _Snapshots:
    """Running totals at the ends of windows, kept as long as they are needed."""

    def __init__(self, settings: CueSettings) -> None:
        self._settings = settings
        self._totals: dict[int, np.ndarray] = {}
        # Whole segments, so that the removed times have the phase of the kept ones.
        self._kept = SEGMENT_FRAMES * (segment_count(max(settings.windows)) + 2)
        self._phases = {
            boundary % SEGMENT_FRAMES
            for window in settings.windows
            for boundary in self._boundaries(window, 0)
        }

    def _boundaries(self, window: int, segment: int) -> tuple[int, int]:
        """Times whose totals bound a window's count: (last before the window, last in it)."""
        begin = SEGMENT_FRAMES * segment + _MIDDLE - window // 2
        before = begin if self._settings.definition == "released" else begin - 1
        return before, begin + window - 1

    def keep(self, time: int, total: np.ndarray) -> None:
        if time % SEGMENT_FRAMES in self._phases:
            self._totals[time] = total.copy()
            self._totals.pop(time - self._kept, None)

    def end(self, time: int, total: np.ndarray) -> None:
        self._totals[time] = total

    def counts(self, segment: int, frames: int) -> dict[str, np.ndarray]:
        """Counts of a segment after `frames` frames."""
        result = {}
        for window in self._settings.windows:
            before, last = self._boundaries(window, segment)
            high = self._totals[min(last, frames - 1)]
            before = min(before, frames - 1)
            counts = high - self._totals[before] if before >= 0 else high
            for threshold, count in zip(self._settings.thresholds, counts, strict=True):
                result[cue_name(window, threshold)] = count
        return result
