"""Scores of a stream: each segment is scored at the end of a window of the segments before it."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusevad.deploy.detector import Detector
from fusevad.embed.embedder import Embedder
from fusevad.embed.image_sources import LiveSource
from fusevad.embed.store import HeldEmbeddings, Streams, default_device
from fusevad.errors import FusevadError

_WINDOW = "window"


class CausalScorer:
    """Scores segments one by one; nothing after a segment counts, as it has not happened yet.

    Training saw at most `max_segments` segments of a video at once and `fusevad score` cuts longer
    videos into chunks of that length, so that is the longest window, and the default. A score here
    has no later segments for its context, and differs from the score of the same video as a file.

    Attributes:
        sources: what reads the pictures of each stream, by role.
        window: segments that count.
    """

    def __init__(self, detector: Detector, window: int | None = None) -> None:
        """Make a scorer.

        Args:
            detector: of a bundle.
            window: segments; None for the default.

        Raises:
            FusevadError: a stream can't be made from pictures alone, or the window is too long.
        """
        longest = min(seed.settings.max_segments for seed in detector.seeds)
        if window is not None and not 1 <= window <= longest:
            raise FusevadError(
                f"--window {window}: the model learned from up to {longest} segments; choose 1 to"
                f" {longest}"
            )
        self.window = window or longest
        self.sources = {role: _live(role, each.source) for role, each in detector.streams.items()}
        self._embedders = {role: each.embedder for role, each in detector.streams.items()}
        self._seeds = detector.seeds
        self._vectors: dict[str, deque[Tensor]] = {}
        self.begin()

    def begin(self) -> None:
        """Forget all segments: what comes does not follow them."""
        self._vectors = {role: deque(maxlen=self.window) for role in self.sources}

    def score(self, images: Mapping[str, NDArray]) -> float:
        """The score of the next segment, the mean over the seeds, in [0, 1].

        Args:
            images: of each stream, by role; see `LiveSource.segments`.

        Raises:
            FusevadError: an embedding is not finite.
        """
        for role, source in self.sources.items():
            crops = len(source.crops)
            self._vectors[role].append(_embedded(images[role], self._embedders[role], crops))
        streams = Streams({role: _held(vectors) for role, vectors in self._vectors.items()})
        scores = [seed.score(streams, [_WINDOW]).segments[_WINDOW] for seed in self._seeds]
        return float(np.mean([float(each[-1, 0]) for each in scores]))


def _live(role: str, source: object) -> LiveSource:
    if not isinstance(source, LiveSource):
        raise FusevadError(
            f"stream {role}: can't be made while a camera is watched; use a model of pictures and"
            " motion cues, or fusevad score on recordings"
        )
    return source


def _embedded(images: NDArray, embedder: Embedder, crops: int) -> Tensor:
    """`crops x D` float16 of a segment, the mean over its pictures, as embeddings are stored."""
    vectors = embedder.encoder.embed(images).unflatten(0, (-1, crops)).mean(dim=0).half().cpu()
    if not torch.isfinite(vectors).all():
        raise FusevadError("an embedding is not finite in float16; check the encoder's weights")
    return vectors


def _held(vectors: deque[Tensor]) -> HeldEmbeddings:
    segments = torch.stack(list(vectors))
    return HeldEmbeddings(Path(_WINDOW), {_WINDOW: segments}, default_device())
