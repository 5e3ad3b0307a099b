"""Trained detectors and the streams they score: what all studies share."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.data.manifest import read_manifest
from fusevad.embed.store import EmbeddingStore, Streams
from fusevad.errors import FusevadError
from fusevad.files import read_csv
from fusevad.models import Output, needs_motion_cue
from fusevad.parallel import in_processes
from fusevad.parsing import parse
from fusevad.train.sampling import TrainVideo
from fusevad.train.seed_run import SeedRun, TrainSettings

T = TypeVar("T")


class ChangedStore(EmbeddingStore):
    """A stream whose embeddings are changed when they are read; what is on disk stays."""

    def __init__(self, original: EmbeddingStore, change: Callable[[str, Tensor], Tensor]) -> None:
        self.index = original.index
        self.device = original.device
        self.dim = original.dim
        self.crops = original.crops
        self._original = original
        self._change = change

    def __getitem__(self, video: str) -> Tensor:
        """`segments x crops x D` of a video, changed; `change` must not write to what it gets."""
        return self._change(video, self._original[video])


@dataclass(frozen=True, slots=True)
class Scored:
    """What a detector says of the test videos.

    Attributes:
        segments: `segments x 3` of each video, as `seed_run.SCORE_COLUMNS`.
        weights: of RGB and motion cue by latent dimension, `2 x D` float64, the mean over the test
            segments; None for methods without.
    """

    segments: Mapping[str, NDArray[np.float32]]
    weights: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A finished run and what it scores; travels to worker processes.

    Attributes:
        run: its folder.
        manifest, intervals: of the data set.
        rgb, motion: indices of the embeddings; no motion cues for methods that need none.
    """

    run: Path
    manifest: Path
    intervals: Path
    rgb: Path
    motion: Path | None

    def streams(self, seed: int, protocol: str) -> Streams:
        """The streams that the run's method reads.

        Raises:
            FusevadError: the seed's weights or the embeddings are missing or damaged.
        """
        method = read_settings(weights_file(self.run, seed, protocol)).method
        return open_streams(self.rgb, self.motion, method, default_device())


class TrainedDetector:
    """A seed of a finished run, scoring test videos exactly as it did in training.

    `method` has another method compute with what the run learned.
    """

    def __init__(
        self,
        run: Path,
        seed: int,
        protocol: str,
        manifest: Path,
        streams: Streams,
        method: str | None = None,
    ) -> None:
        path = weights_file(run, seed, protocol)
        videos = read_manifest(manifest)
        self._tests = [video.name for video in videos if video.split == "test"]
        training = [
            TrainVideo(video.name, video.anomalous, ";".join(video.classes))
            for video in videos
            if video.split == "train"
        ]
        settings = read_settings(path)
        if method is not None:
            settings = replace(settings, method=method)
        # Only its `score` is used, which neither reads nor writes a checkpoint.
        self._run = SeedRun(settings, streams, training, self._tests, seed, run / ".progress")
        try:
            self._run.model.load_state_dict(load_file(path))
        except RuntimeError as error:
            raise FusevadError(
                f"{path}: not the weights of detector {settings.method} of {streams.rgb.dim} "
                "features; train this run again with the embeddings of today"
            ) from error

    @property
    def model(self) -> nn.Module:
        """The detector itself, in the state in which it scores."""
        return self._run.model

    def score(self, streams: Streams) -> Scored:
        """Score the test videos as `streams` show them."""
        self._run.streams = streams
        observed = _Weights()
        with self._run.model.register_forward_hook(observed.add):
            scores = self._run.score(self._tests)
        return Scored({name: x.numpy() for name, x in scores.items()}, observed.mean())


class _Weights:
    """Sums of the fusion weights over real segments, by latent dimension."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self._segments = 0

    def add(self, _model: nn.Module, inputs: tuple[Tensor, ...], output: Output) -> None:
        """Forward hook of a detector; `inputs` are RGB, motion cue and mask."""
        if not output.weights:
            return
        mask = inputs[2]
        sums = torch.stack([weight[mask].sum(dim=0).double() for weight in output.weights])
        self._sums = sums if self._sums is None else self._sums + sums
        self._segments += int(mask.sum())

    def mean(self) -> NDArray[np.float64] | None:
        return None if self._sums is None else (self._sums / self._segments).cpu().numpy()


def run_seeds(run: Path) -> list[int]:
    """The seeds of a finished run."""
    history = read_csv(run / "history.csv", ["seed"])
    return sorted(int(seed) for seed in history["seed"].unique())


def for_all_seeds(study: Callable[[int], T], run: Path, workers: int, what: str) -> list[T]:
    """`study(seed)` for all seeds of a run: as many at a time as workers, on a GPU one."""
    if default_device().type == "cuda":
        workers = 1
    return list(in_processes(study, run_seeds(run), workers, f"{what} {run.name}", "seed"))


def weights_file(run: Path, seed: int, protocol: str) -> Path:
    """The weights of a seed under a protocol.

    Raises:
        FusevadError: a protocol whose weights training does not keep.
    """
    if protocol not in KEPT_PROTOCOLS:
        raise FusevadError(
            f"protocol {protocol}: its weights are not kept; study last or validation"
        )
    return run / "weights" / f"seed-{seed}-{protocol}.safetensors"


def read_settings(weights: Path) -> TrainSettings:
    """The settings that weights were trained with.

    Raises:
        FusevadError: the file is missing, damaged or carries no settings.
    """
    try:
        with safe_open(weights, framework="pt") as file:
            text = (file.metadata() or {}).get("settings", "{}")
    except (OSError, SafetensorError) as error:
        raise FusevadError(f"{weights}: unreadable weights; train this run again") from error
    return parse(TrainSettings, json.loads(text), str(weights))


def open_streams(rgb: Path, motion: Path | None, method: str, device: torch.device) -> Streams:
    """The streams that a method reads.

    Raises:
        FusevadError: no index of motion cues for a method that needs them.
    """
    if not needs_motion_cue(method):
        return Streams(EmbeddingStore(rgb, device), None)
    if motion is None:
        raise FusevadError(f"method {method}: needs motion cues; name the index of their stream")
    return Streams(EmbeddingStore(rgb, device), EmbeddingStore(motion, device))


def default_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
