"""Frame-level metrics of video anomaly detection, as fractions, computed on segments.

A score is constant over its segment, so a segment stands for its anomalous and its normal frames:
counting them once gives the values of ranking every single frame, in a tenth of the time. All
curves and areas follow the steps of scikit-learn on frames, in the same order of operations: the
values are equal to the last bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusevad.data.truth import LabelledVideo
from fusevad.errors import DivergedError, FusevadError
from fusevad.video.decode import SEGMENT_FRAMES

Floats = NDArray[np.float64]
UNDEFINED = float("nan")


@dataclass(frozen=True, slots=True)
class LabelledSegments:
    """Frames of the segments of some videos, one array entry a segment.

    Attributes:
        video: index of the segment's video.
        positive, negative: the segment's anomalous and normal frames that count; whole numbers.
    """

    video: NDArray[np.intp]
    positive: Floats
    negative: Floats

    @classmethod
    def of(
        cls,
        videos: Sequence[LabelledVideo],
        wanted: str | None = None,
        unit: int = SEGMENT_FRAMES,
    ) -> "LabelledSegments":
        """All frames of `videos`; or, for the class `wanted`, the frames of videos that show it.

        In a video with several classes, frames of the other classes do not count. A segment has
        `unit` frames.
        """
        place, positive, negative = [], [], []
        for k, video in enumerate(videos):
            own, normal = _frames(video, wanted)
            starts = np.arange(0, len(own), unit)
            place.append(np.full(len(starts), k))
            positive.append(np.add.reduceat(own, starts, dtype=np.float64))
            negative.append(np.add.reduceat(normal, starts, dtype=np.float64))
        if not place:
            return cls(np.empty(0, np.intp), np.empty(0), np.empty(0))
        return cls(*(np.concatenate(parts) for parts in (place, positive, negative)))

    @property
    def frames(self) -> Floats:
        """Number of counted frames of each segment."""
        return self.positive + self.negative

    def of_anomalous(self, videos: Sequence[LabelledVideo]) -> "LabelledSegments":
        """The same segments, counting only frames of videos with an anomaly."""
        keep = np.array([bool(video.intervals) for video in videos], dtype=bool)[self.video]
        return LabelledSegments(self.video, self.positive * keep, self.negative * keep)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Frames at or above each distinct score, from the highest score down.

    Attributes:
        true, false: anomalous and normal frames; the last entries count all frames.
    """

    true: Floats
    false: Floats

    @classmethod
    def of(cls, scores: ArrayLike, positive: ArrayLike, negative: ArrayLike) -> "Ranking":
        """Rank segments (or any items with scores) by score.

        Args:
            scores: one a segment.
            positive, negative: the segment's anomalous and normal frames.

        Raises:
            DivergedError: a score is not finite.
        """
        scores, positive, negative = map(np.asarray, (scores, positive, negative))
        if not np.isfinite(scores).all():
            raise DivergedError(
                "scores that are no finite numbers cannot be ranked: training diverged; lower its "
                "learning rate and train again"
            )
        counted = np.flatnonzero((positive > 0) | (negative > 0))
        order = counted[np.argsort(scores[counted])[::-1]]
        ranked = scores[order]
        steps = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)[: len(ranked)]
        return cls(
            *(np.cumsum(kind[order], dtype=np.float64)[steps] for kind in (positive, negative))
        )

    @property
    def defined(self) -> bool:
        """Whether both kinds of frames occur; otherwise there is nothing to rank."""
        return bool(len(self.true) and self.true[-1] > 0 and self.false[-1] > 0)

    def roc(self) -> tuple[Floats, Floats]:
        """False- and true-positive rates from (0, 0) to (1, 1), without collinear points."""
        false, true = self.false, self.true
        if len(true) > 2:
            corner = np.diff(false, 2).astype(bool) | np.diff(true, 2).astype(bool)
            kept = np.concatenate([[True], corner, [True]])
            false, true = false[kept], true[kept]
        return (
            np.concatenate([[0.0], false]) / false[-1],
            np.concatenate([[0.0], true]) / true[-1],
        )

    def precision_recall(self) -> tuple[Floats, Floats]:
        """Precision and recall from the lowest score up; the last point is (1, 0)."""
        precision = self.true / (self.true + self.false)
        recall = self.true / self.true[-1]
        return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0)

    def auc(self) -> float:
        """Area under the ROC curve; NaN if only one kind of frame occurs."""
        if not self.defined:
            return UNDEFINED
        false_rate, true_rate = self.roc()
        return float(np.trapezoid(true_rate, false_rate))

    def average_precision(self) -> float:
        """Area under the steps of precision over recall; NaN if one kind of frame is missing."""
        if not self.defined:
            return UNDEFINED
        precision, recall = self.precision_recall()
        return float(max(0.0, -np.sum(np.diff(recall) * precision[:-1])))


# Metrics for data sets; the first part of a name says which videos count.
ANOMALOUS_ONLY = "Ano-"
_AREAS = {"AUC": Ranking.auc, "AP": Ranking.average_precision}


class LabelledTest:
    """The test videos of a data set, their frames counted once for any number of scores.

    Scores are one a segment of `unit` frames, the videos one after the other; `pooled` converts to
    this form.
    """

    def __init__(self, videos: Sequence[LabelledVideo], unit: int = SEGMENT_FRAMES) -> None:
        self.videos = videos
        self.unit = unit
        everything = LabelledSegments.of(videos, unit=unit)
        self._parts = {"": everything, ANOMALOUS_ONLY: everything.of_anomalous(videos)}

    @cached_property
    def _classes(self) -> dict[str, LabelledSegments]:
        names = sorted({name for video in self.videos for name, _, _ in video.intervals})
        return {name: LabelledSegments.of(self.videos, name, self.unit) for name in names}

    @property
    def segments(self) -> LabelledSegments:
        """All segments with all their frames."""
        return self._parts[""]

    def pooled(self, scores: Mapping[str, NDArray[np.floating]]) -> NDArray[np.floating]:
        """Concatenate scores by video name (`segments` or `segments x K`), in the order of videos.

        Raises:
            FusevadError: a video has no scores, or their number differs from its segments'.
        """
        for video in self.videos:
            expected, found = -(-len(video.labels) // self.unit), len(scores.get(video.name, ()))
            if found != expected:
                raise FusevadError(
                    f"video {video.name}: {found} segment scores for {len(video.labels)} frames, "
                    f"expected {expected}; extract its embeddings and train again"
                )
        return np.concatenate([scores[video.name] for video in self.videos])

    def metrics(self, scores: NDArray[np.floating]) -> dict[str, float]:
        """`AUC` and `AP` over all frames pooled, `Ano-AUC` and `Ano-AP` over anomalous videos only.

        A value is NaN if only one kind of frame occurs.
        """
        return {
            prefix + kind: value
            for prefix, segments in self._parts.items()
            for kind, value in _areas(scores, segments).items()
        }

    def metric(self, name: str, scores: NDArray[np.floating]) -> float:
        """One of `metrics`, without computing the others."""
        kind = name.removeprefix(ANOMALOUS_ONLY)
        part = self._parts[name.removesuffix(kind)]
        return _AREAS[kind](Ranking.of(scores, part.positive, part.negative))

    def defines(self, name: str) -> bool:
        """Whether one of `metrics` has a value: its videos have frames of both kinds."""
        return not np.isnan(self.metric(name, np.zeros(len(self.segments.video))))

    def class_metrics(self, scores: NDArray[np.floating]) -> dict[str, dict[str, float]]:
        """`AUC` and `AP` of each anomaly class, over the frames of the videos that show it."""
        return {name: _areas(scores, segments) for name, segments in self._classes.items()}


def within_share(videos: Sequence[NDArray[np.floating]]) -> float:
    """Share of the variance of scores that lies within videos, in [0, 1]; each video counts alike.

    It needs no labels. A detector whose segments all see one another can give every segment of a
    video the same score, which judges videos well and finds nothing in them.

    >>> within_share([np.array([0.2, 0.2]), np.array([0.8, 0.8])])
    0.0
    >>> within_share([np.array([0.2, 0.8]), np.array([0.8, 0.2])])
    1.0
    """
    within = np.mean([scores.var() for scores in videos])
    between = np.var([scores.mean() for scores in videos])
    total = within + between
    return float(within / total) if total else 0.0


def _areas(scores: NDArray[np.floating], segments: LabelledSegments) -> dict[str, float]:
    ranking = Ranking.of(scores, segments.positive, segments.negative)
    return {kind: area(ranking) for kind, area in _AREAS.items()}


def _frames(
    video: LabelledVideo, wanted: str | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Frames that count as anomalous, and as normal; none for a video without the class."""
    if wanted is None:
        return video.labels, ~video.labels
    own = np.zeros(len(video.labels), dtype=bool)
    for name, start, end in video.intervals:
        own[start:end] |= name == wanted
    return own, ~video.labels & own.any()
