"""Bootstrap: the interquartile mean over seeds, and frame metrics over resampled test videos.

Seeds say what another training on the same data would change. They say nothing about another source
of uncertainty: the test set is a sample of videos, and a frame-level AUC pooled over a few hundred
of them depends most on the long ones. `VideoBootstrap` resamples videos with replacement, all
frames of a video together, since frames of one video are far from independent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import bootstrap, trim_mean

from fusevad.evaluate.metrics import Floats, LabelledSegments

_QUARTER = 0.25
# AP steps at a time: keeps a thousand resamples of the largest test sets below 100 MB.
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A value with the interval from `low` to `high`; NaN bounds if there is no interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Resampled:
    """A number and its values under resampling; p-values are shares of the resamples.

    Attributes:
        difference: the number on the original data.
        values: finite values of the resamples.
    """

    difference: float
    values: Floats

    def interval(self, alpha: float) -> tuple[float, float]:
        """The (1 - alpha) percentile interval."""
        low, high = np.quantile(self.values, (alpha / 2, 1 - alpha / 2))
        return float(low), float(high)

    def p_above(self, bound: float) -> float:
        """One-sided p-value for a number above `bound`: the share of resamples at or below it."""
        return self._share(self.values <= bound)

    def p_below(self, bound: float) -> float:
        """One-sided p-value for a number below `bound`: the share of resamples at or above it."""
        return self._share(self.values >= bound)

    @staticmethod
    def _share(against: NDArray[np.bool_]) -> float:
        # The original data count as one resample: no p-value is 0 (Davison and Hinkley 1997).
        return float((1 + np.count_nonzero(against)) / (1 + len(against)))


def interquartile_mean(
    strata: Sequence[ArrayLike], alpha: float = 0.05, resamples: int = 9999, seed: int = 0
) -> Aggregate:
    """Mean of the middle half of all values, with a stratified bootstrap interval.

    The practice of Agarwal et al. 2021 (rliable): within each stratum (a data set) runs are drawn
    with replacement, all strata are pooled, and a percentile interval is taken.

    Args:
        strata: values of the seeds, one sequence a data set.
        alpha: 1 minus the coverage.
        resamples: number of bootstrap draws.
        seed: of the draws.
    """

    def statistic(*parts: Floats, axis: int = -1) -> Floats:
        return trim_mean(np.concatenate(parts, axis=axis), _QUARTER, axis=axis)

    return _aggregate(strata, statistic, alpha, resamples, seed)


def mean_interval(
    values: ArrayLike, alpha: float = 0.05, resamples: int = 9999, seed: int = 0
) -> Aggregate:
    """Mean with a percentile bootstrap interval; arguments as in `interquartile_mean`."""
    return _aggregate([values], np.mean, alpha, resamples, seed)


def _aggregate(
    strata: Sequence[ArrayLike],
    statistic: Callable[..., Floats],
    alpha: float,
    resamples: int,
    seed: int,
) -> Aggregate:
    samples = [np.asarray(values, dtype=np.float64) for values in strata]
    value = float(statistic(*samples))
    if min(len(sample) for sample in samples) < 2:
        return Aggregate(value, float("nan"), float("nan"))
    interval = bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        confidence_level=1 - alpha,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Aggregate(value, float(interval.low), float(interval.high))


class VideoBootstrap:
    """Resamples of a test set; one object for all experiments makes their differences paired.

    Anomalous and normal videos are drawn separately: a test set fixes their numbers. Videos without
    any counted frame (of other classes) are left out.
    """

    def __init__(self, segments: LabelledSegments, resamples: int, seed: int = 0) -> None:
        self.segments = segments
        self.positive = np.bincount(segments.video, segments.positive)
        self.negative = np.bincount(segments.video, segments.negative)
        self.weights = self._draw(resamples, np.random.default_rng(seed))

    @property
    def videos(self) -> int:
        """Number of videos that are resampled."""
        return int(np.count_nonzero(self.positive + self.negative))

    def metric(self, name: str, scores: Floats) -> Floats:
        """The metric on the original data, then on every resample.

        Args:
            name: `AUC` or `AP`.
            scores: one a segment, for all its frames.

        Returns:
            1 + resamples values; NaN for a resample with frames of only one kind.
        """
        weights = np.vstack([np.ones_like(self.weights[:1]), self.weights])
        return {"AUC": self._auc, "AP": self._ap}[name](scores, weights)

    def _draw(self, resamples: int, generator: np.random.Generator) -> Floats:
        weights = np.zeros((resamples, len(self.positive)))
        anomalous = self.positive > 0
        for stratum in (anomalous, ~anomalous & (self.negative > 0)):
            size = np.count_nonzero(stratum)
            if size:
                weights[:, stratum] = generator.multinomial(size, [1 / size] * size, resamples)
        return weights

    def _auc(self, scores: Floats, weights: Floats) -> Floats:
        # A pooled AUC counts pairs of frames, so it is bilinear in the multiplicities of videos:
        # one videos x videos matrix of won pairs serves all resamples.
        won = ((weights @ self._won_pairs(scores)) * weights).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return won / ((weights @ self.positive) * (weights @ self.negative))

    def _won_pairs(self, scores: Floats) -> Floats:
        """Pairs won by the positive frames of a video (row) against another's negative frames."""
        own = self.segments
        count = len(self.positive)
        chosen = own.positive > 0
        won = np.zeros((count, count))
        for other in range(count):
            members = np.flatnonzero((own.video == other) & (own.negative > 0))
            if not len(members):
                continue
            ranked = members[np.argsort(scores[members])]
            below = np.concatenate([[0.0], np.cumsum(own.negative[ranked])])
            left, right = (
                below[np.searchsorted(scores[ranked], scores[chosen], side)]
                for side in ("left", "right")
            )
            pairs = own.positive[chosen] * (left + right) / 2
            won[:, other] = np.bincount(own.video[chosen], pairs, minlength=count)
        return won

    def _ap(self, scores: Floats, weights: Floats) -> Floats:
        # Precision is read at every score with positive frames (a step). The number of frames of
        # each video at or above a step does not depend on the resample, so a matrix product counts
        # them for all resamples; steps are processed in blocks to save memory.
        _, rank = np.unique(-scores, return_inverse=True)
        steps = np.unique(rank[self.segments.positive > 0])
        step = np.searchsorted(steps, rank)
        counts = np.zeros((2, len(self.positive)))
        value, reached = np.zeros((2, len(weights)))
        for first in range(0, len(steps), _BLOCK):
            last = min(first + _BLOCK, len(steps))
            above = self._counts_above(step, first, last) + counts[:, :, np.newaxis]
            true, false = weights @ above
            gained = np.diff(true, axis=1, prepend=reached[:, np.newaxis])
            precision = np.divide(true, true + false, out=np.zeros_like(true), where=true > 0)
            value += (gained * precision).sum(axis=1)
            counts, reached = above[:, :, -1], true[:, -1]
        with np.errstate(invalid="ignore"):
            return np.where(weights @ self.negative > 0, value / reached, np.nan)

    def _counts_above(self, step: NDArray[np.intp], first: int, last: int) -> Floats:
        """Positive and negative frames x videos x steps, cumulated from step `first` on."""
        shape = len(self.positive), last - first
        inside = (step >= first) & (step < last)
        cell = self.segments.video[inside] * shape[1] + step[inside] - first
        kinds = [
            np.bincount(cell, frames[inside], minlength=shape[0] * shape[1]).reshape(shape)
            for frames in (self.segments.positive, self.segments.negative)
        ]
        return np.cumsum(kinds, axis=2)
