"""The footage that thresholds of alarms come from, and its smoothed tracks, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fusevad.evaluate.alarms import Track, smoothed
from fusevad.evaluate.timed_videos import TimedVideo, normal_scores, timed_videos, tracks
from fusevad.report.alarm_scores import test_scores
from fusevad.report.runs import TableDataset
from fusevad.studies.settings import FOOTAGE, HELD_OUT, LEARNED


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
class Source:
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
    Source("held-out", "held-out, certified", HELD_OUT, certified=True),
    Source("footage", "own footage, certified", FOOTAGE, certified=True),
    Source("held-out-estimate", "held-out, estimated", HELD_OUT, certified=False),
    Source("learned", "learned from, certified", LEARNED, certified=True),
    Source("test", "test's own (optimistic)", None, certified=False),
)


@dataclass(frozen=True, slots=True)
class AlarmVideos:
    """Videos of a data set: all test videos, normal training videos and further footage."""

    tests: list[TimedVideo]
    train: list[TimedVideo]
    footage: list[TimedVideo]

    @classmethod
    def of(cls, dataset: TableDataset, footage: Footage | None) -> "AlarmVideos":
        """Read the manifests of a data set and of its footage."""
        files = dataset.manifest, dataset.intervals
        return cls(
            timed_videos(*files, "test"),
            [video for video in timed_videos(*files, "train") if video.normal],
            timed_videos(footage.manifest) if footage else [],
        )


@dataclass(frozen=True, slots=True)
class SeedTracks:
    """Smoothed tracks of one seed: of the test videos, and of normal footage by part."""

    tests: list[Track]
    footage: Mapping[str | None, list[Track]]


def seed_tracks(
    run: Path,
    files: Mapping[str, Path],
    videos: AlarmVideos,
    smoothing: float,
    protocol: str,
) -> list[SeedTracks]:
    """The tracks of every seed of a run.

    Args:
        run: its folder.
        files: scores of normal videos, by part.
        videos: whose scores these are.
        smoothing: see `AlarmSettings`.
        protocol: of the test scores.
    """
    parts = {part: normal_scores(path, part) for part, path in files.items()}

    def smooth_tracks(of: Sequence[TimedVideo], scores: pd.DataFrame) -> list[Track]:
        return [smoothed(track, smoothing) for track in tracks(of, scores)]

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
        found.append(SeedTracks(tests, footage))
    return found
