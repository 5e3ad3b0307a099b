"""Trained detectors and their streams, shared by all studies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from fusevad.csv_tables import read_csv
from fusevad.data.manifest import read_manifest
from fusevad.data.truth import LabelledVideo, read_test_videos
from fusevad.embed.store import EmbeddingStore, Streams, default_device, open_streams
from fusevad.evaluate.scoring import TrainedDetector, load_detector, weights_file
from fusevad.models.output import Output
from fusevad.parallel import in_processes

T = TypeVar("T")


class ChangedStore(EmbeddingStore):
    """A stream whose embeddings are changed when they are read; stored embeddings stay."""

    def __init__(self, original: EmbeddingStore, change: Callable[[str, Tensor], Tensor]) -> None:
        self.index = original.index
        self.device = original.device
        self.dim = original.dim
        self.crops = original.crops
        self._original = original
        self._change = change

    def __getitem__(self, video: str) -> Tensor:
        """`segments x crops x D` of a video, changed; `change` must not modify its argument."""
        return self._change(video, self._original[video])


@dataclass(frozen=True, slots=True)
class Scored:
    """A detector's scores and weights on the test videos.

    Attributes:
        columns: as in `scoring.Scores`.
        segments: by video, `segments x columns`.
        weights: by stream and latent dimension, `D` float64, the mean over the test segments; empty
            for methods without weights.
    """

    columns: tuple[str, ...]
    segments: Mapping[str, NDArray[np.float32]]
    weights: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A finished run and videos that it scores; sent to worker processes.

    Attributes:
        run: its folder.
        manifest: of a data set.
        streams: index of the embeddings of each stream of its videos, by role.
    """

    run: Path
    manifest: Path
    streams: Mapping[str, Path]

    def detector(self, seed: int, protocol: str, method: str | None = None) -> TrainedDetector:
        """The detector of a seed, scoring as it did in training; see `load_detector`."""
        return load_detector(weights_file(self.run, seed, protocol), default_device(), method)

    def open(self, detector: TrainedDetector) -> Streams:
        """The streams that a detector scores."""
        return open_streams(self.streams, detector.model.streams, str(self.run))

    def tests(self) -> list[str]:
        """Names of the test videos."""
        return [video.name for video in read_manifest(self.manifest) if video.split == "test"]


@dataclass(frozen=True, slots=True)
class LabelledRun(RunFiles):
    """A finished run and the labelled test videos of a data set.

    Attributes:
        intervals: of the data set.
    """

    intervals: Path

    def labelled_tests(self) -> list[LabelledVideo]:
        """The test videos with the labels of their frames, which must be known."""
        return read_test_videos(self.manifest, self.intervals, known=True)


def on_crops(detector: TrainedDetector, places: Sequence[int] | None) -> TrainedDetector:
    """The detector for embeddings that have its test crops in other places; None for the same."""
    if places is None:
        return detector
    return replace(detector, settings=replace(detector.settings, test_crops=tuple(places)))


def score(detector: TrainedDetector, streams: Streams, videos: list[str]) -> Scored:
    """Score the test videos with the embeddings of `streams`."""
    observed = _Weights()
    with detector.model.register_forward_hook(observed.add):
        scores = detector.score(streams, videos)
    segments = {name: x.numpy() for name, x in scores.segments.items()}
    return Scored(scores.columns, segments, observed.means())


class _Weights:
    """Sums of the fusion weights over real segments, by stream and latent dimension."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._segments = 0

    def add(self, _model: nn.Module, inputs: tuple, output: Output) -> None:
        """Forward hook of a detector; `inputs` are streams and mask."""
        mask = inputs[1]
        for stream, weight in output.weights.items():
            self._sums[stream] = self._sums.get(stream, 0) + weight[mask].sum(dim=0).double()
        self._segments += int(mask.sum())

    def means(self) -> dict[str, NDArray[np.float64]]:
        return {name: (x / self._segments).cpu().numpy() for name, x in self._sums.items()}


def run_seeds(run: Path) -> list[int]:
    """The seeds of a finished run."""
    history = read_csv(run / "history.csv", ["seed"])
    return sorted(int(seed) for seed in history["seed"].unique())


def for_all_seeds(study: Callable[[int], T], run: Path, workers: int, what: str) -> list[T]:
    """Call `study(seed)` for all seeds of a run, `workers` at a time; one at a time on a GPU."""
    if default_device().type == "cuda":
        workers = 1
    return list(in_processes(study, run_seeds(run), workers, f"{what} {run.name}", "seed"))
