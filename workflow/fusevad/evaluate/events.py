"""Mean average precision of the events that a detector finds, by class (docs/methods/vadclip.md).

Two ways to count: `ours`, over the classes that have events and over videos that show some; and
`released`, as VadCLIP's code counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fusevad.data.label_tables import NORMAL

Counting = Literal["ours", "released"]
COUNTINGS: tuple[Counting, ...] = ("ours", "released")
IOUS = (0.1, 0.2, 0.3, 0.4, 0.5)

# Of the released code: where between the highest and the lowest probability of a video its events
# begin, the fewest frames of one, and how much the whole video counts in an event's score.
_DEPTH, _FEWEST, _WHOLE = 0.6, 2, 0.7


@dataclass(frozen=True, slots=True)
class ClassedVideo:
    """A test video, its events, and what a detector says of its segments.

    Attributes:
        edges: `segments + 1`, first frame of every segment, then the number of frames.
        probabilities: by class, one a segment.
        events: class and half-open `[start, end)` frames of each.
    """

    edges: NDArray[np.int64]
    probabilities: Mapping[str, NDArray[np.floating]]
    events: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An event that a detector finds: place of its video, half-open frames, score."""

    video: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Precision:
    """Average precisions, by class, and what is counted as their mean."""

    by_class: dict[str, float]
    mean: float


def precisions(
    videos: Sequence[ClassedVideo], iou: float, counting: Counting, normal_events: bool
) -> Precision:
    """Average precision of each class at an intersection over union.

    `ours` leaves out normal videos and classes without an event; where nothing of a class is found,
    its precision is 0. `released` counts all videos and all classes, `normal` among them, and where
    nothing of one class is found, the mean is 0.

    Args:
        videos: of the test split.
        iou: that a found event needs, to be a true one.
        counting: which.
        normal_events: whether in `released` a normal video as a whole is an event of `normal`, as
            for XD-Violence; for UCF-Crime the released code misses them.
    """
    if counting == "ours":
        counted = [video for video in videos if video.events]
        classes = sorted({name for video in counted for name, _, _ in video.events})
    else:
        counted = [_with_normal(v) for v in videos] if normal_events else list(videos)
        classes = list(videos[0].probabilities)
    found = {name: _found(counted, name) for name in classes}
    by_class = {name: average_precision(found[name], _true(counted, name), iou) for name in classes}
    missed = counting == "released" and not all(found.values())
    mean = 0.0 if missed or not by_class else float(np.mean(list(by_class.values())))
    return Precision(by_class, mean)


def average_precision(
    found: Sequence[Found], true: Mapping[int, Sequence[tuple[int, int]]], iou: float
) -> float:
    """Sum of the precisions at each hit, over the number of true events; 0 without any.

    The best-scored events choose first, each the free true event of its video that it overlaps
    most.
    """
    free = {video: list(events) for video, events in true.items()}
    total = sum(len(events) for events in free.values())
    hits = 0
    precision = 0.0
    for rank, event in enumerate(sorted(found, key=lambda each: -each.score), start=1):
        mine = free.get(event.video, [])
        best = max(mine, key=lambda other: overlap(event, other), default=None)
        if best is not None and overlap(event, best) >= iou:
            mine.remove(best)
            hits += 1
            precision += hits / rank
    return precision / total if total else 0.0


def overlap(event: Found, true: tuple[int, int]) -> float:
    """Intersection over union, in frames."""
    start, end = true
    both = max(0, min(event.end, end) - max(event.start, start))
    return both / (event.end - event.start + end - start - both)


def find_events(
    video: int, edges: NDArray[np.int64], probabilities: NDArray[np.floating]
) -> list[Found]:
    """Runs of segments whose probability is above the lowest two fifths of the video's range.

    An event's score is its highest probability, and 0.7 times the mean of the video's highest
    sixteenth of frames (at least one).
    """
    high, low = probabilities.max(), probabilities.min()
    above = probabilities > high - (high - low) * _DEPTH
    steps = np.diff(np.concatenate([[False], above, [False]]).astype(np.int8))
    whole = _WHOLE * _highest_frames(probabilities, np.diff(edges))
    return [
        Found(video, int(edges[s]), int(edges[e]), float(probabilities[s:e].max()) + whole)
        for s, e in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
        if edges[e] - edges[s] >= _FEWEST
    ]


def _highest_frames(probabilities: NDArray[np.floating], frames: NDArray[np.int64]) -> float:
    """Mean of the highest sixteenth of a video's frames."""
    wanted = max(int(frames.sum()) // 16, 1)
    order = np.argsort(-probabilities, kind="stable")
    before = np.cumsum(frames[order]) - frames[order]
    taken = np.clip(wanted - before, 0, frames[order])
    return float((probabilities[order] * taken).sum() / wanted)


def _found(videos: Sequence[ClassedVideo], name: str) -> list[Found]:
    parts = (
        find_events(place, video.edges, video.probabilities[name])
        for place, video in enumerate(videos)
        if name in video.probabilities
    )
    return [event for part in parts for event in part]


def _true(videos: Sequence[ClassedVideo], name: str) -> dict[int, list[tuple[int, int]]]:
    return {
        place: [(start, end) for label, start, end in video.events if label == name]
        for place, video in enumerate(videos)
    }


def _with_normal(video: ClassedVideo) -> ClassedVideo:
    """A normal video with itself as an event of `normal`."""
    if video.events:
        return video
    return ClassedVideo(video.edges, video.probabilities, ((NORMAL, 0, int(video.edges[-1])),))
