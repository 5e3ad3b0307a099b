"""Frames, and the CLIP's image tower."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fusevad.embed.embedder import Embedder, clip_provenance
from fusevad.embed.image_sources import FrameSource
from fusevad.embed.settings import EmbedSettings
from fusevad.encoders.clip import BatchedTower, load_image_tower
from fusevad.video.settings import SEGMENT_FRAMES


def load_embedder(settings: EmbedSettings) -> Embedder:
    """Load the tower.

    Raises:
        FusevadError: bad weights.
    """
    tower = load_image_tower(settings.encoder)
    provenance = clip_provenance(settings, tower) | {"frame_stride": str(settings.frame_stride)}
    frames = -(-SEGMENT_FRAMES // settings.frame_stride)
    segment = np.zeros((frames, tower.image_size, tower.image_size, 3), np.uint8)
    return Embedder(BatchedTower(tower, settings.batch_size), provenance, segment)


def open_source(settings: EmbedSettings, embedder: Embedder, cues: Sequence[Path]) -> FrameSource:
    """The sampled frames, cropped for the tower; no motion cues are read."""
    del cues
    return FrameSource(settings.crops, embedder.segment.shape[1], settings.frame_stride)
