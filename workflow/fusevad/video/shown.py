"""Frames at their full size as players show them, in the form that browsers want of films."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from fusevad.errors import FusevadError
from fusevad.video.containers import REPLACE, open_container, picture_stream
from fusevad.video.decode import plane_pixels
from fusevad.video.orientation import Orientation, orientation_of
from fusevad.video.reader import FrameReader

Plane = NDArray[np.uint8]
_FORM = "yuv420p"


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame as shown: upright, with 8 bits a sample and chroma at half the size.

    Attributes:
        y: luma, (height, width).
        cb, cr: chroma, (height / 2, width / 2), rounded up.
    """

    y: Plane
    cb: Plane
    cr: Plane


def pixel_aspect(path: Path) -> Fraction:
    """Width of a pixel over its height, as shown.

    Raises:
        FusevadError: the file can't be opened, or its first frame can't be decoded.
    """
    with open_container(path) as container:
        stream = picture_stream(container, path)
        try:
            frame = next(container.decode(stream))
        except (av.FFmpegError, StopIteration) as error:
            raise FusevadError(f"{path}: its first frame can't be decoded; {REPLACE}") from error
        ratio = stream.sample_aspect_ratio or Fraction(1)
    return 1 / ratio if orientation_of(frame).transposed else ratio


def read_shown(path: Path) -> Iterator[Shown]:
    """Decode a video into frames as shown; all have the size of the first.

    Raises:
        FusevadError: the file can't be decoded to its end.
    """
    reformatter = VideoReformatter()
    size: tuple[int, int] | None = None
    orientation = Orientation()
    for frame in FrameReader(path):
        if size is None:
            size, orientation = (frame.width, frame.height), orientation_of(frame)
        if frame.format.name != _FORM or (frame.width, frame.height) != size:
            frame = reformatter.reformat(frame, *size, format=_FORM, threads=1)
        yield Shown(*(orientation.apply(plane_pixels(plane)) for plane in frame.planes))
