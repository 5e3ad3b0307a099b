"""Scores of a stream, segment by segment, as `looking_back` has them."""

from collections import deque
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusevad.deploy.detector import Detector
from fusevad.deploy.looking_back import last_scores, window_of
from fusevad.embed.embedder import Embedder
from fusevad.embed.image_sources import LiveSource
from fusevad.errors import FusevadError


class CausalScorer:
    """Scores segments one by one; nothing after a segment counts, as it has not happened yet.

    Attributes:
        sources: what reads the pictures of each stream, by role.
        window: segments that count.
    """

    def __init__(self, detector: Detector, window: int | None = None) -> None:
        """Make a scorer.

        Args:
            detector: of a bundle.
            window: segments; None for the default (`window_of`).

        Raises:
            FusevadError: a stream can't be made from pictures alone, or the window is too long.
        """
        self.window = window_of([seed.settings for seed in detector.seeds], window)
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
        seen = {role: torch.stack(list(vectors)) for role, vectors in self._vectors.items()}
        return float(np.mean(last_scores(self._seeds, seen)))


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
