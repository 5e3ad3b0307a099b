"""Alarms an hour: what a detector finds at a stated number of false alarms, and who vouches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusevad.evaluate.alarms import (
    Track,
    calibrate,
    estimate,
    footage_hours,
    hours_needed,
    smoothed,
)
from fusevad.files import write_csv
from fusevad.report import latex, sheet
from fusevad.report.alarm_scores import (
    Judged,
    TimedVideo,
    judged,
    normal_scores,
    test_scores,
    timed_videos,
    tracks,
)
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.write_sheet import write_sheet
from fusevad.studies.settings import FOOTAGE, HELD_OUT, LEARNED, AlarmTableSettings

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Footage:
    """A data set of normal videos alone.

    Attributes:
        title: for readers.
        manifest: its `manifest.csv`.
    """

    title: str
    manifest: Path


@dataclass(frozen=True, slots=True)
class _Source:
    """Whose scores a threshold comes from.

    Attributes:
        part: of the scores of normal videos; None for the test's own normal videos.
        certified: whether the threshold keeps a bound, or only the footage's own rate.
    """

    name: str
    label: str
    part: str | None
    certified: bool


# In the order of the table: from what can be had honestly to what can not.
SOURCES = (
    _Source("held-out", "held-out, certified", HELD_OUT, certified=True),
    _Source("footage", "own footage, certified", FOOTAGE, certified=True),
    _Source("held-out-estimate", "held-out, estimated", HELD_OUT, certified=False),
    _Source("learned", "learned from, certified", LEARNED, certified=True),
    _Source("test", "test's own (optimistic)", None, certified=False),
)
_NOTES = (
    "Found: annotated events with an alarm before they end, in percent; in brackets the 95 % "
    "interval of a bootstrap of seeds and videos, crossed. false: alarms that touch no annotated "
    "event, an hour of the test videos outside such events: what the promise comes to.",
    "Delay: median from the start of an event to its alarm. F1: of events matched one to one at "
    "that tIoU.",
    "certified: the exact Poisson bound (95 %) on false alarms is at most the number in the head; "
    "estimated: the footage itself has at most so many. Thresholds of videos that training learned "
    "from are too low, whatever their bound says; thresholds of the test's own normal videos have "
    "seen what they are judged on.",
)


def make_alarms_table(
    name: str,
    title: str,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    normals: Mapping[str, Mapping[str, Path]],
    footage: Mapping[str, Footage],
    footage_scores: Mapping[str, Mapping[str, Path]],
    alarms: AlarmTableSettings,
    protocol: str,
    out_tex: Path,
    out_csv: Path,
) -> None:
    """Write events found at stated false alarms an hour as LaTeX that compiles alone, and as CSV.

    The CSV has a row for each dataset, experiment, source of the threshold and rate, with block
    (measured), certified,
    hours (of footage; the mean over seeds), hours_needed, seeds, threshold, found, low, high (in
    percent), false_alarms (an hour), delay (seconds), f1_OVERLAP. What the footage can't certify is
    empty.

    Args:
        name: of the target.
        title: what the table shows.
        experiments: rows, in order.
        datasets: a tabular each.
        normals: the scores of normal training videos, by experiment and key of the data set.
        footage: further normal videos, by key of the data set whose alarms they certify.
        footage_scores: their scores, by experiment and key of the data set.
        alarms: rates, overlaps, and how scores become alarms.
        protocol: last or validation.

    Raises:
        FusevadError: a file is missing or wrong.
    """
    check_protocol(protocol)
    rows = []
    for dataset in datasets:
        videos = _Videos.of(dataset, footage.get(dataset.key))
        for row in experiments:
            if dataset.key not in row.runs:
                continue
            files = dict.fromkeys((HELD_OUT, LEARNED), normals[row.name][dataset.key])
            if dataset.key in footage:
                files[FOOTAGE] = footage_scores[row.name][dataset.key]
            seeds = _seed_tracks(row.runs[dataset.key], files, videos, alarms, protocol)
            for source in SOURCES:
                if source.part in (None, *files):
                    rows += [
                        {"dataset": dataset.key, "experiment": row.name, "method": row.label}
                        | _cell(seeds, videos.tests, source, rate, alarms)
                        for rate in alarms.rates
                    ]
    table = pd.DataFrame(rows)
    parts: list[sheet.Part] = [
        sheet.Caption(latex.numbered(name), f"{title}. Protocol: {protocol}.")
    ]
    for dataset in datasets:
        own = table[table["dataset"] == dataset.key]
        parts.append(_tabular(dataset, own, alarms))
    notes = [
        *_NOTES,
        *(_hours(dataset, table, alarms, footage.get(dataset.key)) for dataset in datasets),
        _rules(alarms),
    ]
    parts.append(sheet.Notes(tuple(notes)))
    write_csv(table.assign(block="measured"), out_csv)
    write_sheet(parts, out_tex, wide=True)


@dataclass(frozen=True, slots=True)
class _Videos:
    """Videos of a data set: all test videos, normal training videos and further footage."""

    tests: list[TimedVideo]
    train: list[TimedVideo]
    footage: list[TimedVideo]

    @classmethod
    def of(cls, dataset: TableDataset, footage: Footage | None) -> "_Videos":
        files = dataset.manifest, dataset.intervals
        return cls(
            timed_videos(*files, "test"),
            [video for video in timed_videos(*files, "train") if video.normal],
            timed_videos(footage.manifest) if footage else [],
        )


@dataclass(frozen=True, slots=True)
class _SeedTracks:
    """Smoothed tracks of one seed: of the test videos, and of normal footage by part."""

    tests: list[Track]
    footage: Mapping[str | None, list[Track]]


def _seed_tracks(
    run: Path,
    files: Mapping[str, Path],
    videos: _Videos,
    alarms: AlarmTableSettings,
    protocol: str,
) -> list[_SeedTracks]:
    parts = {part: normal_scores(path, part) for part, path in files.items()}

    def smooth_tracks(of: Sequence[TimedVideo], scores: pd.DataFrame) -> list[Track]:
        return [smoothed(track, alarms.events.smoothing) for track in tracks(of, scores)]

    found = []
    for seed, scores in test_scores(run, protocol).items():
        tests = smooth_tracks(videos.tests, scores)
        pairs = zip(videos.tests, tests, strict=True)
        footage: dict[str | None, list[Track]] = {
            None: [track for video, track in pairs if video.normal]
        }
        for part, by_seed in parts.items():
            of_part = videos.footage if part == FOOTAGE else videos.train
            names = set(by_seed[seed]["video"])
            footage[part] = smooth_tracks([v for v in of_part if v.name in names], by_seed[seed])
        found.append(_SeedTracks(tests, footage))
    return found


def _cell(
    seeds: Sequence[_SeedTracks],
    tests: Sequence[TimedVideo],
    source: _Source,
    rate: float,
    alarms: AlarmTableSettings,
) -> dict[str, object]:
    """One row of the CSV."""
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
    if source.certified and min(hours) < hours_needed(rate):
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


def _tabular(dataset: TableDataset, own: pd.DataFrame, alarms: AlarmTableSettings) -> sheet.Tabular:
    overlaps = [f"F1@{overlap:g}" for overlap in alarms.overlaps]
    heads = [
        (dataset.title, ["threshold from"]),
        *((f"{rate:g} false alarms/h", ["found", "false"]) for rate in alarms.rates),
        (f"at {alarms.judged_at:g}/h", ["delay", *overlaps]),
    ]
    lines = [*sheet.grouped_head("Method", heads), "rule"]
    # Sources that certify none of the rates have no row; a note has the hours that they lack.
    own = own.groupby("threshold_from").filter(lambda part: part["found"].notna().any())
    labels = {source.name: source.label for source in SOURCES}
    for _, of_method in own.groupby("experiment", sort=False):
        for number, (source, part) in enumerate(of_method.groupby("threshold_from", sort=False)):
            cells = part.set_index("rate")
            texts: list[sheet.Cell] = ["" if number else cells["method"].iloc[0]]
            texts.append(labels[str(source)])
            for rate in alarms.rates:
                texts += [_found(cells.loc[rate]), _decimal(cells.loc[rate, "false_alarms"], 1)]
            at = cells.loc[alarms.judged_at]
            texts.append(_decimal(at["delay"], 1, " s"))
            texts += [_decimal(at[f"f1_{overlap:g}"], 2) for overlap in alarms.overlaps]
            lines.append(sheet.line(texts))
        lines.append("space")
    columns = 2 * len(alarms.rates) + 1 + len(alarms.overlaps)
    return sheet.tabular(columns, lines[:-1], texts=2)


def _found(cell: pd.Series) -> sheet.Cell:
    if cell["found"] != cell["found"]:
        return sheet.MISSING
    return f"{cell['found']:.0f} [{cell['low']:.0f}, {cell['high']:.0f}]"


def _decimal(value: float, digits: int, unit: str = "") -> sheet.Cell:
    return sheet.MISSING if value != value else f"{value:.{digits}f}{unit}"


def _hours(
    dataset: TableDataset, table: pd.DataFrame, alarms: AlarmTableSettings, footage: Footage | None
) -> str:
    """How much normal video there is, and what it can't certify."""
    own = table[table["dataset"] == dataset.key]
    hours = {str(name): part["hours"].min() for name, part in own.groupby("threshold_from")}
    lacking = [
        f"{hours_needed(rate):.2g} h for {rate:g}/h"
        for rate in alarms.rates
        if hours["held-out"] < hours_needed(rate)
    ]
    text = (
        f"{dataset.title}: {hours['held-out']:.2f} h of normal video are held out,"
        f" {hours['learned']:.2f} h learned from, {hours['test']:.2f} h are in the test"
    )
    if footage:
        text += f", {hours['footage']:.2f} h are own footage ({footage.title})"
    return text + (f"; to certify takes {', '.join(lacking)} (–, or no row)." if lacking else ".")


def _rules(alarms: AlarmTableSettings) -> str:
    rules = alarms.events
    return (
        f"Alarms: scores are averaged over {rules.smoothing:g} s; an event lasts until the score "
        f"falls below {rules.release:g} of the threshold, raises its alarm after "
        f"{rules.shortest:g} s and again every {rules.repeat:g} s, and is one with the next if less"
        f" than {rules.gap:g} s lie between."
    )
