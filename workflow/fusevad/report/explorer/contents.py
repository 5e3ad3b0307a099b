"""What the explorer's page shows, wherever it comes from: finished runs, or a user's own videos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.errors import FusevadError
from fusevad.evaluate.settings import AlarmSettings

Floats = NDArray[np.float64]
Truth = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class ShownVideo:
    """A video, its time axis, and what is known of it.

    Attributes:
        edges: (segments + 1,) start of each segment, then the end of the last: seconds, or frames
            in a data set of unknown frame rates.
        film: a film that browsers play; None where there is none.
        classes: of the whole video; empty if not known.
        truth: class, start and end of each annotated anomaly, in the unit of `edges`; None if the
            video has no annotation, which is not the same as a normal video.
    """

    name: str
    edges: Floats
    film: Path | None = None
    classes: tuple[str, ...] = ()
    truth: tuple[Truth, ...] | None = None


@dataclass(frozen=True, slots=True)
class VideoScores:
    """What a method says of the segments of a video. All arrays are (segments,), in [0, 1].

    Attributes:
        mean, low, high: over the seeds: mean, lowest and highest score.
        weights: of the streams, mean over the seeds, by stream; empty for methods without weights.
        by_seed: scores of each seed, for pages on which one can be chosen.
        weights_by_seed: weights likewise, by seed and stream.
    """

    mean: Floats
    low: Floats
    high: Floats
    weights: Mapping[str, Floats] = field(default_factory=dict)
    by_seed: Mapping[int, Floats] = field(default_factory=dict)
    weights_by_seed: Mapping[int, Mapping[str, Floats]] = field(default_factory=dict)

    @classmethod
    def of_seeds(
        cls, seeds: Sequence[int], scores: Floats, weights: Mapping[str, Floats]
    ) -> "VideoScores":
        """Summarise seeds.

        Args:
            seeds: their numbers.
            scores: (seeds, segments).
            weights: likewise, by stream.
        """
        return cls(
            scores.mean(axis=0),
            scores.min(axis=0),
            scores.max(axis=0),
            {stream: values.mean(axis=0) for stream, values in weights.items()},
            dict(zip(seeds, scores, strict=True)),
            {s: {name: w[k] for name, w in weights.items()} for k, s in enumerate(seeds)},
        )


@dataclass(frozen=True, slots=True)
class ShownMethod:
    """A method and its scores of all videos of a data set.

    Attributes:
        key: what addresses call it.
        label: what readers call it.
        seeds: numbers of its seeds.
        scores: of the videos, in their order; read once, so a generator need not hold them all.
    """

    key: str
    label: str
    seeds: tuple[int, ...]
    scores: Iterable[VideoScores]


@dataclass(frozen=True, slots=True)
class Results:
    """Metrics of the methods as fractions, by method, then metric or class, then seed.

    Attributes:
        metrics: values of the whole test split.
        class_metric: name of the metric in `classes`.
        classes: values by class.
    """

    metrics: Mapping[str, Mapping[str, Mapping[int, float]]]
    class_metric: str
    classes: Mapping[str, Mapping[str, Mapping[int, float]]]


@dataclass(frozen=True, slots=True)
class ShownDataset:
    """Videos and the methods that score them.

    Attributes:
        timed: whether `edges` are seconds; alarms an hour need them.
        notes: for readers, under the page: how epochs were chosen.
        no_film: why videos without a film have none.
        cue: what the lower half of the films shows; empty if films show the video alone.
        first: key of the method that is shown first; else the last one is.
    """

    key: str
    title: str
    videos: Sequence[ShownVideo]
    methods: Iterable[ShownMethod]
    timed: bool = True
    notes: tuple[str, ...] = ()
    no_film: str = "No film of this video."
    cue: str = ""
    first: str = ""
    results: Results | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page.

    Attributes:
        title: of the page.
        datasets: at least one.
        rules: from scores to events and alarms.
        threshold: at which the page opens, in [0, 1].
    """

    title: str
    datasets: Sequence[ShownDataset]
    rules: AlarmSettings = field(default_factory=AlarmSettings)
    threshold: float = 0.5

    def __post_init__(self) -> None:
        for dataset in self.datasets:
            names = [video.name for video in dataset.videos]
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise FusevadError(f"explorer: two videos are called {twice}; rename one")
