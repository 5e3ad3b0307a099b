"""95 % intervals of what alarms are worth, over other seeds and other videos.

Seeds and videos are drawn with replacement, each for itself (crossed): every drawn seed has scored
every drawn video, with all its events.
"""

import numpy as np
from numpy.typing import NDArray

from fusevad.evaluate.alarms import Floats

_RESAMPLES, _SEED = 2000, 0
_ENDS = (0.025, 0.975)

Interval = tuple[float, float]


def found_interval(found: NDArray[np.bool_], owner: NDArray[np.intp]) -> Interval:
    """The interval of the share of events found; videos without an event say nothing about it.

    Args:
        found: seeds x events.
        owner: (events,) number of the video that shows each.
    """
    videos, places = np.unique(owner, return_inverse=True)
    by_video = np.stack(
        [np.bincount(places, row, minlength=len(videos)) for row in found.astype(float)]
    )
    events = np.bincount(places, minlength=len(videos)).astype(float)
    return ratio_interval(by_video, np.broadcast_to(events, by_video.shape))


def ratio_interval(part: Floats, whole: Floats) -> Interval:
    """The interval of a ratio of sums over videos, averaged over seeds.

    Args:
        part, whole: seeds x videos; draws in which a seed's whole is 0 are left out.
    """
    seeds, videos = _draws(part.shape)
    with np.errstate(invalid="ignore"):
        ratios = (videos @ part.T) / (videos @ whole.T)
    return _ends((seeds * ratios).sum(axis=1) / len(part))


def median_interval(values: Floats, owner: NDArray[np.intp]) -> Interval:
    """The interval of the median of all seeds' values; NaN counts for nothing.

    Args:
        values: seeds x events.
        owner: (events,) number of the video that shows each.
    """
    videos, places = np.unique(owner, return_inverse=True)
    drawn_seeds, drawn_videos = _draws((len(values), len(videos)))
    row, event = np.nonzero(np.isfinite(values))
    if not len(row):
        return float("nan"), float("nan")
    order = np.argsort(values[row, event], kind="stable")
    row, event = row[order], event[order]
    below = np.cumsum(drawn_seeds[:, row] * drawn_videos[:, places[event]], axis=1)
    middle = (2 * below < below[:, -1:]).sum(axis=1)
    known = below[:, -1] > 0
    return _ends(values[row, event][middle[known]])


def _draws(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each seed and each video is drawn, a row a resample."""
    generator = np.random.default_rng(_SEED)
    found = [generator.multinomial(size, [1 / size] * size, _RESAMPLES) for size in shape]
    return found[0], found[1]


def _ends(values: Floats) -> Interval:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, _ENDS)
    return float(low), float(high)
