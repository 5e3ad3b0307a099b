"""The postures of people, whatever their number, through a fixed random embedding."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.render.frames import Frame
from fusevad.embed.embedder import Embedder, Ready, Source, settings_provenance
from fusevad.embed.image_sources import MiddleFrameSource
from fusevad.embed.rendered_sources import RenderedSource
from fusevad.embed.streams.pose.model import SIZE, load_keypoint_rcnn
from fusevad.embed.streams.pose.people import DIM, embed_people
from fusevad.embed.streams.settings import RENDERED, SeenSettings


def load_embedder(settings: SeenSettings) -> Embedder:
    """Load the key-point R-CNN; what the renderer knows needs no model.

    Raises:
        FusevadError: its weights are missing or others.
    """
    provenance = settings_provenance(settings)
    if settings.encoder == RENDERED:
        return Embedder(Ready(), provenance, np.zeros((1, DIM), np.float32))
    segment = np.zeros((1, SIZE[1], SIZE[0], 3), np.uint8)
    return Embedder(load_keypoint_rcnn(settings.weights), provenance, segment)


def open_source(settings: SeenSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """Middle frames, or what the renderer knows about them; no motion cues are read."""
    del embedder, cues
    if settings.encoder == RENDERED:
        return RenderedSource(settings.render, describe)
    return MiddleFrameSource(SIZE)


def describe(frame: Frame) -> NDArray[np.float32]:
    """The people of a rendered frame."""
    height, width = frame.instances().shape
    return embed_people(frame.keypoints().values(), (width, height))
