"""Where things of their own are in a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.render.frames import Frame
from fusevad.embed.embedder import Embedder, Ready, Source, settings_provenance
from fusevad.embed.image_sources import MiddleFrameSource
from fusevad.embed.rendered_sources import RenderedSource
from fusevad.embed.streams.masks.model import SIZE, load_sam
from fusevad.embed.streams.settings import RENDERED, SeenSettings

CELLS = 8


def load_embedder(settings: SeenSettings) -> Embedder:
    """Load SAM's image encoder; what the renderer knows needs no model.

    Raises:
        FusevadError: its package or its weights are missing, or the weights are others.
    """
    provenance = settings_provenance(settings)
    if settings.encoder == RENDERED:
        return Embedder(Ready(), provenance, np.zeros((1, 2 * CELLS**2), np.float32))
    segment = np.zeros((1, SIZE[1], SIZE[0], 3), np.uint8)
    return Embedder(load_sam(settings.weights), provenance, segment)


def open_source(settings: SeenSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """Middle frames, or what the renderer knows about them; no motion cues are read."""
    del embedder, cues
    if settings.encoder == RENDERED:
        return RenderedSource(settings.render, describe)
    return MiddleFrameSource(SIZE)


def describe(frame: Frame) -> NDArray[np.float32]:
    """Of `CELLS x CELLS` cells, by rows: the share of background, and the number of things.

    (2 CELLS^2,): a picture without things has a background everywhere, so no vector is zero unless
    things hide all of it, and then they are counted.
    """
    instances = frame.instances()
    cells = [
        part
        for row in np.array_split(instances, CELLS)
        for part in np.array_split(row, CELLS, axis=1)
    ]
    background = [np.mean(cell == 0) for cell in cells]
    things = [len(np.unique(cell[cell > 0])) for cell in cells]
    return np.array([*background, *things], np.float32)
