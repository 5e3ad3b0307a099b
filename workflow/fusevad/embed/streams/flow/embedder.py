"""Pairs of frames, the flow between them, and histograms of its directions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusevad.data.footage import Footage, open_footage
from fusevad.data.manifest import Video
from fusevad.embed.embedder import Embedder, Ready, settings_provenance
from fusevad.embed.image_sources import Chunk, in_chunks
from fusevad.embed.streams.flow.histograms import histograms
from fusevad.embed.streams.flow.raft import load_raft
from fusevad.embed.streams.flow.settings import FlowSettings
from fusevad.video.settings import SEGMENT_FRAMES

# Width and height that both estimators take, multiples of 8 for RAFT.
SIZE = (320, 256)


def load_embedder(settings: FlowSettings) -> Embedder:
    """Load RAFT; DIS has nothing to load and computes where videos are read.

    Raises:
        FusevadError: bad weights.
    """
    provenance = settings_provenance(settings)
    if settings.estimator == "dis":
        return Embedder(Ready(), provenance, np.zeros((settings.pairs, settings.dim), np.float32))
    pair = np.zeros((settings.pairs, 2, SIZE[1], SIZE[0], 3), np.uint8)
    return Embedder(load_raft(settings), provenance, pair)


def open_source(settings: FlowSettings, embedder: Embedder, cues: Sequence[Path]) -> "FlowSource":
    """The pairs of frames, or what DIS finds between them; no motion cues are read."""
    del embedder, cues
    return FlowSource(settings)


@dataclass(frozen=True, slots=True)
class FlowSource:
    """Pairs of neighbouring frames of each segment."""

    settings: FlowSettings

    def key(self, video: Video) -> str:
        """A hash that changes whenever the video's bytes do."""
        return video.sha256

    def chunks(self, video: Video) -> Iterator[Chunk]:
        """Histograms of all pairs (pairs, D) float32, or for RAFT (pairs, 2, height, width, 3).

        Raises:
            FusevadError: the video fails to decode, or is not the manifest's.
        """
        footage = open_footage(video)
        dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        find = self._histogram if self.settings.estimator == "dis" else _stacked
        pairs = self._pairs(footage)
        found = ((start // SEGMENT_FRAMES, find(dis, *pair)) for start, pair in pairs)
        return in_chunks(found, 1)

    def _pairs(self, footage: Footage) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
        """Frames `t` and `t + 1`, with `t`; a pair whose second frame is missing is dropped.

        Only the first frame of a last segment of a single frame is its own neighbour.
        """
        luma = self.settings.estimator == "dis"
        wanted = set(pair_starts(footage.video.frames, self.settings.pairs))
        before: tuple[int, np.ndarray] | None = None
        for time, picture in enumerate(footage.pictures(SIZE)):
            needed = time in wanted or before is not None
            image = (picture.y if luma else picture.rgb()) if needed else None
            if before is not None:
                yield before[0], (before[1], image)
            before = (time, image) if time in wanted else None
        if before is not None:
            yield before[0], (before[1], before[1])

    def _histogram(
        self, dis: cv2.DISOpticalFlow, first: np.ndarray, second: np.ndarray
    ) -> NDArray[np.float32]:
        return histograms(dis.calc(first, second, None)[None], self.settings)


def pair_starts(frames: int, pairs: int) -> list[int]:
    """First frames of the pairs of a video: evenly spaced in each segment, and at least one.

    A pair needs two frames; a last segment of one frame has a pair of that frame.
    """
    starts = []
    for begin in range(0, frames, SEGMENT_FRAMES):
        end = min(begin + SEGMENT_FRAMES, frames - 1)
        own = [begin + k * SEGMENT_FRAMES // pairs for k in range(pairs)]
        starts += [start for start in own if start < end] or [begin]
    return starts


def _stacked(_dis: cv2.DISOpticalFlow, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The pair as it is, for an encoder that finds the flow."""
    return np.stack([first, second])[None]
