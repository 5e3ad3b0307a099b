"""Scores of videos with the times of their segments, as alarms need them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.data.footage import edges
from fusevad.data.manifest import read_manifest
from fusevad.data.truth import read_anomalies
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import Floats, Track
from fusevad.evaluate.score_table import read_score_table
from fusevad.studies.settings import FOOTAGE

_SCORE_COLUMNS = ["video", "segment", "start", "end", "score"]
# Sums are rounded: scores of equal pictures differ by less, in two videos and in one. Of two, more
# would join different short clips; within one, what little changes tells nothing apart.
_SAME, _ROUNDING = 3e-6, 1e-4
# Of neighbouring scores that differ, if they tell pictures apart. Where pictures are equal, scores
# may still change between two windows of attention, or until the first window is full.
_CHANGING = 0.25


@dataclass(frozen=True, slots=True)
class TimedVideo:
    """A video of the manifest with the times of its frames and of its annotated intervals.

    Attributes:
        edges: (frames + 1,) seconds.
        intervals: start and end of each in seconds.
        sha256: of its file.
    """

    name: str
    normal: bool
    edges: Floats
    intervals: tuple[tuple[float, float], ...]
    sha256: str

    def track(self, scores: pd.DataFrame) -> Track:
        """The scores of this video's segments, in their order, with their times.

        Raises:
            FusevadError: they do not cover the video.
        """
        bounds = np.append(scores["start"].to_numpy(), len(self.edges) - 1)
        if bounds[0] != 0 or not np.array_equal(bounds[1:], scores["end"].to_numpy()):
            raise FusevadError(f"video {self.name}: scores do not cover it; evaluate the run again")
        return Track(scores["score"].to_numpy(np.float64), self.edges[bounds])


def timed_videos(
    manifest: Path, intervals: Path | None = None, split: str | None = None
) -> list[TimedVideo]:
    """Videos with their times, in the manifest's order.

    Args:
        manifest: `manifest.csv` of the data set.
        intervals: its `intervals.csv`; None for normal footage.
        split: of the videos; None for all of them.

    Raises:
        FusevadError: the manifest has no frame rates, as one that was made from features,
            anomalous test videos have no intervals, or a video of variable rate has changed.
    """
    videos = read_manifest(manifest)
    anomalies = read_anomalies(intervals, videos, known=True) if intervals else {}
    found = []
    for video in videos:
        if split not in (None, video.split):
            continue
        if not (video.fps or video.variable_rate):
            raise FusevadError(
                f"{manifest}: no frame rates, so no alarms an hour; make the manifest from the"
                " videos"
            )
        begins = edges(video)
        spans = anomalies.get(video.name, ())
        times = tuple((float(begins[each.start]), float(begins[each.end])) for each in spans)
        found.append(TimedVideo(video.name, not video.anomalous, begins, times, video.sha256))
    return found


def normal_training_videos(manifest: Path) -> list[TimedVideo]:
    """Normal training videos, without those that are there twice.

    A seed that has held one copy out may have learned from the other, and their hours would count
    twice.

    Raises:
        FusevadError: as `timed_videos`.
    """
    copies = Counter(video.sha256 for video in read_manifest(manifest) if video.split != "test")
    train = timed_videos(manifest, split="train")
    return [video for video in train if video.normal and copies[video.sha256] == 1]


def footage_videos(manifest: Path, learned: Path) -> list[TimedVideo]:
    """The videos of normal footage, whose hours vouch for a threshold.

    Args:
        manifest: `manifest.csv` of the footage.
        learned: of the data set that was learned from.

    Raises:
        FusevadError: as `timed_videos`; two are one file, whose hours would count twice; or
            training has seen one, whose scores are too low. The bound would promise too much.
    """
    found = timed_videos(manifest)
    known = {each.sha256: each.name for each in read_manifest(learned) if each.split != "test"}
    seen: dict[str, str] = {}
    for video in read_manifest(manifest):
        other = seen.setdefault(video.sha256, video.name)
        if other != video.name:
            raise FusevadError(
                f"{manifest}: videos {other} and {video.name} are the same file; leave one out of"
                " the footage"
            )
        if video.sha256 in known:
            raise FusevadError(
                f"{manifest}: video {video.name} is {known[video.sha256]} of {learned}, which"
                " training has seen; leave it out of the footage"
            )
    return found


def tracks(videos: Sequence[TimedVideo], scores: pd.DataFrame) -> list[Track]:
    """The track of each video, from one seed's scores.

    Raises:
        FusevadError: a video has none.
    """
    by_name = {str(name): part for name, part in scores.groupby("video", sort=False)}
    missing = [video.name for video in videos if video.name not in by_name]
    if missing:
        raise FusevadError(f"video {missing[0]}: no scores; evaluate the run again")
    return [video.track(by_name[video.name].sort_values("segment")) for video in videos]


def normal_scores(path: Path, part: str, pictured: bool = True) -> dict[int, pd.DataFrame]:
    """The scores of the normal videos of a part, by seed.

    Args:
        path: the table.
        part: of the videos.
        pictured: whether the detector reads pictures; by sound alone, videos without any are alike.

    Raises:
        FusevadError: there is no such file, it is no table of scores, or videos of footage have the
            same pictures.
    """
    scores = read_score_table(path, "part", part)
    if part == FOOTAGE and pictured:
        _check_distinct(scores, path)
    return by_seed(scores)


def _check_distinct(scores: pd.DataFrame, path: Path) -> None:
    means = scores.groupby(["video", "segment"], observed=True)["score"].mean()
    by_video = means.groupby(level="video", observed=True)
    if same := twins({str(video): own.to_numpy() for video, own in by_video}):
        raise FusevadError(
            f"{path}: videos {same[0]} and {same[1]} have the same pictures, as all scores are"
            " equal; leave one out of the footage"
        )


def twins(scores: Mapping[str, Floats]) -> tuple[str, str] | None:
    """Two videos with the same pictures, whose hours would count twice, by their equal scores.

    Their files may differ: a recording is exported twice, or put into another container. Scores
    that hardly ever change within a video say nothing of its pictures: all scenes without motion
    have the same motion cues.
    """
    telling = [name for name, own in scores.items() if _changes(own)]
    telling.sort(key=lambda name: (len(scores[name]), scores[name].mean()))
    for pair in pairwise(telling):
        own, other = (scores[name] for name in pair)
        if len(own) == len(other) and np.allclose(own, other, rtol=0, atol=_SAME * own.max()):
            return pair
    return None


def _changes(scores: Floats) -> bool:
    """Whether enough neighbouring scores differ by more than rounding."""
    differ = np.abs(np.diff(scores)) > _ROUNDING * np.maximum(scores[1:], scores[:-1])
    return bool(differ.sum() > _CHANGING * len(differ))


def by_seed(scores: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """A table of scores, divided by seed."""
    return {int(str(s)): own[_SCORE_COLUMNS] for s, own in scores.groupby("seed")}
