"""Streams of middle frames: embedded by a model of pictures, or from what the renderer knows."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusevad.data.render.frames import Frame
from fusevad.embed.embedder import Embedder, Encoder, Ready, Source, settings_provenance
from fusevad.embed.image_sources import MiddleFrameSource
from fusevad.embed.rendered_sources import RenderedSource
from fusevad.embed.streams.registry import kind_of
from fusevad.embed.streams.settings import RENDERED, SeenSettings, configuration_of
from fusevad.files import sha256

CELLS = 8  # along each side of a picture


def seen_embedder(
    settings: SeenSettings, load: Callable[[str], Encoder], size: tuple[int, int], width: int
) -> Embedder:
    """Load the model of a stream; what the renderer knows needs none.

    Args:
        settings: of the stream.
        load: loads the model from its weights.
        size: of the model's pictures, width and height.
        width: features of what the renderer knows.

    Raises:
        FusevadError: the model's package or weights are missing, or the weights are others.
    """
    provenance = settings_provenance(settings)
    if settings.encoder == RENDERED:
        return Embedder(Ready(), provenance, np.zeros((1, width), np.float32))
    segment = np.zeros((1, size[1], size[0], 3), np.uint8)
    encoder = load(settings.weights)
    if kind_of(settings.stream).configured:
        provenance["configuration"] = sha256(Path(configuration_of(settings.weights)))
    return Embedder(encoder, provenance, segment)


def seen_source(
    settings: SeenSettings,
    size: tuple[int, int],
    describe: Callable[[Frame], NDArray[np.float32]],
) -> Source:
    """Middle frames, or what the renderer knows about them."""
    if settings.encoder == RENDERED:
        return RenderedSource(settings.render, describe)
    return MiddleFrameSource(size)


def cells(picture: NDArray) -> list[NDArray]:
    """`CELLS x CELLS` cells of a picture, by rows."""
    return [
        part
        for row in np.array_split(picture, CELLS)
        for part in np.array_split(row, CELLS, axis=1)
    ]
