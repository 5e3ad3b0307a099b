"""What a source of thresholds is worth at a stated rate: one row of the table of alarms."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fusevad.evaluate.alarms import Track, calibrate, estimate, footage_hours, hours_needed
from fusevad.evaluate.timed_videos import TimedVideo
from fusevad.report.alarm_footage import SeedTracks, Source
from fusevad.report.alarm_intervals import found_interval, median_interval, ratio_interval
from fusevad.report.alarm_scores import Judged, judged
from fusevad.studies.settings import AlarmTableSettings

_ENDS = ("low", "high")


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
    footage = [seed.footage[source.part] for seed in seeds]
    shortest = alarms.events.shortest if source.certified else 0.0
    hours = [footage_hours(tracks, shortest) for tracks in footage]
    cell: dict[str, object] = {
        "threshold_from": source.name,
        "certified": source.certified,
        "rate": rate,
        "hours": min(hours),
        "hours_needed": hours_needed(rate),
        "seeds": len(seeds),
        "normal_score": np.nan,
    }
    if min(hours) == 0:
        return cell | _empty(alarms)
    cell["normal_score"] = float(np.mean([_mean_score(tracks) for tracks in footage]))
    if source.certified and min(hours) < hours_needed(rate):
        return cell | _empty(alarms)
    # The tracks are smoothed already.
    rules = replace(alarms.events, smoothing=0.0)
    choose = calibrate if source.certified else estimate
    thresholds = [choose(tracks, rate, rules).threshold for tracks in footage]
    results = [
        judged(tests, seed.tests, threshold, rules, alarms.overlaps)
        for seed, threshold in zip(seeds, thresholds, strict=True)
    ]
    return cell | {"threshold": float(np.mean(thresholds))} | _worth(tests, results, alarms)


def _mean_score(tracks: Sequence[Track]) -> float:
    return float(np.mean(np.concatenate([track.scores for track in tracks])))


def _empty(alarms: AlarmTableSettings) -> dict[str, object]:
    names = ["found", "false_alarms", "delay", *(f"f1_{overlap:g}" for overlap in alarms.overlaps)]
    ends = [f"{name}_{end}" for name in names for end in _ENDS]
    return dict.fromkeys(["threshold", *names, *ends], np.nan)


def _worth(
    tests: Sequence[TimedVideo], results: Sequence[Judged], alarms: AlarmTableSettings
) -> dict[str, object]:
    """What the alarms of all seeds are worth, with intervals."""
    owner = np.repeat(np.arange(len(tests)), [len(video.intervals) for video in tests])
    found = np.stack([result.found for result in results])
    delays = np.stack([result.delays for result in results])
    false = np.stack([result.false_alarms for result in results])
    normal = np.stack([result.normal_hours for result in results])
    worth: dict[str, float] = {
        "found": 100 * float(found.mean()),
        "false_alarms": float(false.sum() / normal.sum()),
        "delay": float(np.median(delays[found])) if found.any() else np.nan,
    }
    low, high = found_interval(found, owner)
    ends = {
        "found": (100 * low, 100 * high),
        "false_alarms": ratio_interval(false, normal),
        "delay": median_interval(delays, owner),
    }
    counted = np.stack([result.alarms + result.intervals for result in results])
    for overlap in alarms.overlaps:
        name = f"f1_{overlap:g}"
        worth[name] = float(np.mean([result.event_f1(overlap) for result in results]))
        matches = np.stack([result.matches[overlap] for result in results])
        ends[name] = ratio_interval(2 * matches, counted)
    return worth | {
        f"{name}_{end}": value
        for name, own in ends.items()
        for end, value in zip(_ENDS, own, strict=True)
    }
