"""The footage that thresholds of alarms come from, and its smoothed tracks, seed by seed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fusevad.data.manifest import read_manifest
from fusevad.evaluate.alarms import Track, smoothed
from fusevad.evaluate.timed_videos import (
    TimedVideo,
    footage_videos,
    normal_scores,
    normal_training_videos,
    timed_videos,
    tracks,
)
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


TEST = "test"
# In the order of the table: from what can be had honestly to what can not.
SOURCES = (
    Source("held-out", "held-out, certified", HELD_OUT, certified=True),
    Source("footage", "own footage, certified", FOOTAGE, certified=True),
    Source("held-out-estimate", "held-out, estimated", HELD_OUT, certified=False),
    Source("learned", "learned from, certified", LEARNED, certified=True),
    Source(TEST, "test's own (optimistic)", None, certified=False),
)


@dataclass(frozen=True, slots=True)
class AlarmVideos:
    """Videos of a data set.

    Attributes:
        tests: all test videos.
        train: as `normal_training_videos`.
        footage: further normal videos.
        learned: SHA-256 of all videos that training may have seen.
    """

    tests: list[TimedVideo]
    train: list[TimedVideo]
    footage: list[TimedVideo]
    learned: Collection[str]

    @classmethod
    def of(cls, dataset: TableDataset, footage: Footage | None) -> "AlarmVideos":
        """Read the manifests of a data set and of its footage."""
        files = dataset.manifest, dataset.intervals
        videos = read_manifest(dataset.manifest)
        return cls(
            timed_videos(*files, "test"),
            normal_training_videos(dataset.manifest),
            footage_videos(footage.manifest, dataset.manifest) if footage else [],
            frozenset(video.sha256 for video in videos if video.split != "test"),
        )

    def unseen(self, learned: Collection[str]) -> "AlarmVideos":
        """Without the normal videos that training on another data set has seen."""
        train, footage = (
            [video for video in part if video.sha256 not in learned]
            for part in (self.train, self.footage)
        )
        return replace(self, train=train, footage=footage)


@dataclass(frozen=True, slots=True)
class ScoredVideos:
    """Scores of videos.

    Attributes:
        videos: a superset of those scored.
        by_seed: scores of segments, for each seed that has scored any.
    """

    videos: list[TimedVideo]
    by_seed: Mapping[int, pd.DataFrame]

    def smoothed_tracks(self, seed: int, smoothing: float) -> list[Track]:
        """The tracks of those that a seed has scored, in the videos' order."""
        if seed not in self.by_seed:
            return []
        scores = self.by_seed[seed]
        names = set(scores["video"])
        own = tracks([video for video in self.videos if video.name in names], scores)
        return [smoothed(track, smoothing) for track in own]


@dataclass(frozen=True, slots=True)
class ScoredFootage:
    """The normal videos of all data sets, scored by the runs that learned from them.

    Attributes:
        videos: by key of the data set.
        normals: scores of the normal training videos, by experiment and data set; none for
            imported scores.
        footage: scores of the data sets' normal footage, by experiment and data set.
        unpictured: experiments that read no pictures.
    """

    videos: Mapping[str, AlarmVideos]
    normals: Mapping[str, Mapping[str, Path]]
    footage: Mapping[str, Mapping[str, Path]]
    unpictured: Collection[str]

    def of(self, experiment: str, key: str) -> dict[str, ScoredVideos]:
        """The normal videos that a run on a data set has scored, by part."""
        own, file = self.videos[key], self.normals.get(experiment, {}).get(key)
        if file is None:
            return {}
        found = {
            part: ScoredVideos(own.train, normal_scores(file, part)) for part in (HELD_OUT, LEARNED)
        }
        if further := self.footage.get(experiment, {}).get(key):
            found[FOOTAGE] = ScoredVideos(own.footage, self.footage_scores(experiment, further))
        return found

    def footage_scores(self, experiment: str, file: Path) -> dict[int, pd.DataFrame]:
        """The scores of footage by an experiment's runs, by seed."""
        return normal_scores(file, FOOTAGE, experiment not in self.unpictured)


@dataclass(frozen=True, slots=True)
class SeedTracks:
    """Smoothed tracks of one seed: of the test videos, and of normal footage by part."""

    tests: list[Track]
    footage: Mapping[str | None, list[Track]]


def seed_tracks(
    tests: ScoredVideos, normals: Mapping[str, ScoredVideos], smoothing: float
) -> list[SeedTracks]:
    """The tracks of every seed.

    Args:
        tests: all test videos.
        normals: normal videos, by part.
        smoothing: see `AlarmSettings`.

    Raises:
        FusevadError: a test video has no scores.
    """
    found = []
    for seed, scores in tests.by_seed.items():
        smooth = [smoothed(track, smoothing) for track in tracks(tests.videos, scores)]
        pairs = zip(tests.videos, smooth, strict=True)
        footage: dict[str | None, list[Track]] = {
            None: [track for video, track in pairs if video.normal]
        }
        for part, scored in normals.items():
            footage[part] = scored.smoothed_tracks(seed, smoothing)
        found.append(SeedTracks(smooth, footage))
    return found
