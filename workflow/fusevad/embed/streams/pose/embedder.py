"""The postures of people, whatever their number, through a fixed random embedding."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.render.frames import Frame
from fusevad.embed.embedder import Embedder, Source
from fusevad.embed.seen import seen_embedder, seen_source
from fusevad.embed.streams.pose.model import SIZE, load_keypoint_rcnn
from fusevad.embed.streams.pose.people import DIM, embed_people
from fusevad.embed.streams.settings import SeenSettings


def load_embedder(settings: SeenSettings) -> Embedder:
    """Load the key-point R-CNN; what the renderer knows needs no model.

    Raises:
        FusevadError: its weights are missing or others.
    """
    return seen_embedder(settings, load_keypoint_rcnn, SIZE, DIM)


def open_source(settings: SeenSettings, embedder: Embedder, cues: Sequence[Path]) -> Source:
    """Middle frames, or what the renderer knows about them; no motion cues are read."""
    del embedder, cues
    return seen_source(settings, SIZE, describe)


def describe(frame: Frame) -> NDArray[np.float32]:
    """The people of a rendered frame."""
    height, width = frame.instances().shape
    return embed_people(frame.keypoints().values(), (width, height))
