"""Thresholds of a bundle, from the scores of normal videos that a study has kept.

A bundle's score is the mean over its seeds, so thresholds are of the mean too.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusevad.deploy.contents import Threshold
from fusevad.deploy.settings import BundleSettings, NormalFootage
from fusevad.errors import FusevadError
from fusevad.evaluate.alarms import (
    Calibration,
    Track,
    calibrate,
    estimate,
    footage_hours,
    hours_needed,
)
from fusevad.evaluate.settings import AlarmSettings
from fusevad.evaluate.timed_videos import (
    TimedVideo,
    footage_videos,
    normal_scores,
    normal_training_videos,
    timed_videos,
    tracks,
)
from fusevad.studies.settings import FOOTAGE, HELD_OUT


def thresholds_of(settings: BundleSettings, pictured: bool = True) -> tuple[Threshold, ...]:
    """A threshold for each rate, from the best footage that there is.

    Footage that no seed has seen certifies the rates that its hours can. Without one, thresholds
    are estimated: each normal training video is scored by the seeds that held it out.

    Args:
        settings: of the bundle.
        pictured: as in `normal_scores`.

    Raises:
        FusevadError: scores are missing or damaged.
    """
    found = [] if settings.footage is None else _certified(settings, settings.footage, pictured)
    return tuple(found) or tuple(_estimated(settings))


def _certified(settings: BundleSettings, footage: NormalFootage, pictured: bool) -> list[Threshold]:
    videos = footage_videos(Path(footage.manifest), Path(settings.learned.manifest))
    normal = _mean_tracks(footage, FOOTAGE, videos, pictured)
    hours = footage_hours(normal, settings.events.shortest)
    rates = [rate for rate in settings.rates if hours_needed(rate) <= hours]
    return certified(normal, rates, settings.events, footage.title)


def certified(
    normal: Sequence[Track], rates: Sequence[float], events: AlarmSettings, title: str
) -> list[Threshold]:
    """Thresholds that keep their bound on normal footage.

    Args:
        normal: footage without anomalies that no seed has seen.
        rates: false alarms an hour.
        events: how scores become alarms.
        title: of the footage, for readers.

    Raises:
        FusevadError: it is too short for a rate.
    """
    return [
        _threshold(rate, calibrate(normal, rate, events), title, certified=True)
        for rate in sorted(rates)
    ]


def _estimated(settings: BundleSettings) -> list[Threshold]:
    learned, manifest = settings.learned, Path(settings.learned.manifest)
    normal = _mean_tracks(learned, HELD_OUT, normal_training_videos(manifest))
    # Without any that is there only once, copies are all that there is.
    normal = normal or _mean_tracks(learned, HELD_OUT, timed_videos(manifest))
    title = f"{learned.title}, normal training videos, each by the seeds that held it out"
    return [
        _threshold(rate, estimate(normal, rate, settings.events), title, certified=False)
        for rate in sorted(settings.rates)
    ]


def _threshold(rate: float, found: Calibration, title: str, certified: bool) -> Threshold:
    return Threshold(
        rate, found.threshold, found.alarms, found.hours, found.bound, certified, title
    )


def _mean_tracks(
    footage: NormalFootage, part: str, videos: Sequence[TimedVideo], pictured: bool = True
) -> list[Track]:
    """Tracks of the videos of a part: the mean over the seeds that have scored each."""
    by_seed = normal_scores(Path(footage.scores), part, pictured)
    if not by_seed:
        raise FusevadError(f"{footage.scores}: no scores of part {part}; make it again")
    keys = ["video", "segment", "start", "end"]
    scores = pd.concat(by_seed.values()).groupby(keys, as_index=False)["score"].mean()
    names = set(scores["video"])
    return tracks([video for video in videos if video.name in names], scores)
