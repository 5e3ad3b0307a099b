"""How far away things are in each part of a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.render.frames import Frame
from fusevad.embed.embedder import Embedder, Ready, Source, settings_provenance
from fusevad.embed.image_sources import MiddleFrameSource
from fusevad.embed.rendered_sources import RenderedSource
from fusevad.embed.streams.depth.model import SIZE, load_depth_anything
from fusevad.embed.streams.settings import RENDERED, SeenSettings

CELLS = 8
_FARTHEST = 300.0  # metres; what the renderer gives where there is nothing


def load_embedder(settings: SeenSettings) -> Embedder:
    """Load Depth Anything; what the renderer knows needs no model.

    Raises:
        FusevadError: its package or its weights are missing, or the weights are others.
    """
    provenance = settings_provenance(settings)
    if settings.encoder == RENDERED:
        return Embedder(Ready(), provenance, np.zeros((1, 2 * CELLS**2), np.float32))
    segment = np.zeros((1, SIZE[1], SIZE[0], 3), np.uint8)
    return Embedder(load_depth_anything(settings.weights), provenance, segment)


def open_source(settings: SeenSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """Middle frames, or what the renderer knows about them; no motion cues are read."""
    del embedder, cues
    if settings.encoder == RENDERED:
        return RenderedSource(settings.render, describe)
    return MiddleFrameSource(SIZE)


def describe(frame: Frame) -> NDArray[np.float32]:
    """Mean and least depth of `CELLS x CELLS` cells, by rows: (2 CELLS^2,).

    Depth is 1 - log(1 + metres) / log(1 + 300): 1 at the camera, 0 where there is nothing.
    """
    depth = frame.depth()
    near = 1 - np.log1p(np.clip(depth, 0, _FARTHEST)) / np.log1p(_FARTHEST)
    cells = [
        part for row in np.array_split(near, CELLS) for part in np.array_split(row, CELLS, axis=1)
    ]
    values = [[cell.mean() for cell in cells], [cell.max() for cell in cells]]
    return np.concatenate(values).astype(np.float32)
