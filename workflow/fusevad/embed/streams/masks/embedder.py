"""Where things of their own are in a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.render.frames import Frame
from fusevad.embed.embedder import Embedder, Source
from fusevad.embed.seen import CELLS, cells, seen_embedder, seen_source
from fusevad.embed.streams.masks.model import SIZE, load_sam
from fusevad.embed.streams.settings import SeenSettings


def load_embedder(settings: SeenSettings) -> Embedder:
    """Load SAM's image encoder; what the renderer knows needs no model.

    Raises:
        FusevadError: its package or its weights are missing, or the weights are others.
    """
    return seen_embedder(settings, load_sam, SIZE, 2 * CELLS**2)


def open_source(settings: SeenSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """Middle frames, or what the renderer knows about them; no motion cues are read."""
    del embedder, cues
    return seen_source(settings, SIZE, describe)


def describe(frame: Frame) -> NDArray[np.float32]:
    """Of `CELLS x CELLS` cells, by rows: the share of background, and the number of things.

    (2 CELLS^2,): a picture without things has a background everywhere, so no vector is zero unless
    things hide all of it, and then they are counted.
    """
    instances = frame.instances()
    parts = cells(instances)
    background = [np.mean(part == 0) for part in parts]
    things = [len(np.unique(part[part > 0])) for part in parts]
    return np.array([*background, *things], np.float32)
