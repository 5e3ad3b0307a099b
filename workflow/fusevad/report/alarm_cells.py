"""What a source of thresholds is worth at a stated rate: one row of the table of alarms."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fusevad.evaluate.alarms import calibrate, estimate, footage_hours, hours_needed
from fusevad.evaluate.timed_videos import TimedVideo
from fusevad.report.alarm_footage import SeedTracks, Source
from fusevad.report.alarm_scores import Judged, judged
from fusevad.studies.settings import AlarmTableSettings

_RESAMPLES = 2000


def alarm_rows(
    seeds: Sequence[SeedTracks],
    tests: Sequence[TimedVideo],
    sources: Sequence[Source],
    alarms: AlarmTableSettings,
) -> list[dict[str, object]]:
    """A row of the CSV, without its keys, for each source that there is and each rate."""
    parts = seeds[0].footage
    return [
        _alarm_cell(seeds, tests, source, rate, alarms)
        for source in sources
        if source.part in parts
        for rate in alarms.rates
    ]


def _alarm_cell(
    seeds: Sequence[SeedTracks],
    tests: Sequence[TimedVideo],
    source: Source,
    rate: float,
    alarms: AlarmTableSettings,
) -> dict[str, object]:
    """One row; empty where the footage can't certify the rate."""
    hours = [footage_hours(seed.footage[source.part]) for seed in seeds]
    cell: dict[str, object] = {
        "threshold_from": source.name,
        "certified": source.certified,
        "rate": rate,
        "hours": float(np.mean(hours)),
        "hours_needed": hours_needed(rate),
        "seeds": len(seeds),
    }
    # The tracks are smoothed already.
    rules = replace(alarms.events, smoothing=0.0)
    empty = dict.fromkeys(["threshold", "found", "low", "high", "false_alarms", "delay"], np.nan)
    empty |= {f"f1_{overlap:g}": np.nan for overlap in alarms.overlaps}
    if min(hours) == 0 or (source.certified and min(hours) < hours_needed(rate)):
        return cell | empty
    choose = calibrate if source.certified else estimate
    thresholds = [choose(seed.footage[source.part], rate, rules).threshold for seed in seeds]
    results = [
        judged(tests, seed.tests, threshold, rules, alarms.overlaps)
        for seed, threshold in zip(seeds, thresholds, strict=True)
    ]
    owner = np.repeat(np.arange(len(tests)), [len(video.intervals) for video in tests])
    found = np.array([result.found for result in results])
    low, high = found_interval(found, owner)
    return cell | {
        "threshold": float(np.mean(thresholds)),
        "found": 100 * found.mean(),
        "low": 100 * low,
        "high": 100 * high,
        "false_alarms": _rate(results),
        "delay": _median([delay for result in results for delay in result.delays]),
        **{
            f"f1_{overlap:g}": float(np.mean([result.event_f1[overlap] for result in results]))
            for overlap in alarms.overlaps
        },
    }


def found_interval(
    found: NDArray[np.bool_], owner: NDArray[np.intp], seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of the share of events found, over other seeds and other videos.

    Seeds and videos are drawn with replacement, each for itself (crossed): every drawn seed has
    scored every drawn video, with all its events.

    Args:
        found: seeds x events.
        owner: (events,) number of the video that shows each.
        seed: of the draws.
    """
    generator = np.random.default_rng(seed)
    videos, places = np.unique(owner, return_inverse=True)
    by_video = np.stack(
        [np.bincount(places, row, minlength=len(videos)) for row in found.astype(float)]
    )
    events = np.bincount(places, minlength=len(videos))
    drawn_seeds = _draws(generator, len(found))
    drawn_videos = _draws(generator, len(videos))
    shares = ((drawn_seeds @ by_video) * drawn_videos).sum(axis=1) / (
        len(found) * (drawn_videos @ events)
    )
    low, high = np.quantile(shares, (0.025, 0.975))
    return float(low), float(high)


def _draws(generator: np.random.Generator, size: int) -> NDArray[np.int64]:
    return generator.multinomial(size, [1 / size] * size, _RESAMPLES)


def _rate(results: Sequence[Judged]) -> float:
    return sum(r.false_alarms for r in results) / sum(r.normal_hours for r in results)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
