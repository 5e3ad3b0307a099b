"""How far away things are in each part of a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.render.frames import Frame
from fusevad.embed.embedder import Embedder, Source
from fusevad.embed.seen import CELLS, cells, seen_embedder, seen_source
from fusevad.embed.streams.depth.model import SIZE, load_depth_anything
from fusevad.embed.streams.settings import SeenSettings

_FARTHEST = 300.0  # metres; what the renderer gives where there is nothing


def load_embedder(settings: SeenSettings) -> Embedder:
    """Load Depth Anything; what the renderer knows needs no model.

    Raises:
        FusevadError: its package or its weights are missing, or the weights are others.
    """
    return seen_embedder(settings, load_depth_anything, SIZE, 2 * CELLS**2)


def open_source(settings: SeenSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """Middle frames, or what the renderer knows about them; no motion cues are read."""
    del embedder, cues
    return seen_source(settings, SIZE, describe)


def describe(frame: Frame) -> NDArray[np.float32]:
    """Mean and least depth of `CELLS x CELLS` cells, by rows: (2 CELLS^2,).

    Depth is 1 - log(1 + metres) / log(1 + 300): 1 at the camera, 0 where there is nothing.
    """
    depth = frame.depth()
    near = 1 - np.log1p(np.clip(depth, 0, _FARTHEST)) / np.log1p(_FARTHEST)
    parts = cells(near)
    values = [[part.mean() for part in parts], [part.max() for part in parts]]
    return np.concatenate(values).astype(np.float32)
