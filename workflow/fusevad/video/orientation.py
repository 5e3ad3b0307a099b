"""The display matrix of a frame: how to turn and mirror stored pictures to be upright."""

from dataclasses import dataclass

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame


def _unnamed(kind: type[Type], value: int) -> Type:
    member = object.__new__(kind)
    member._name_, member._value_ = f"UNNAMED_{value}", value
    return member


# FFmpeg attaches more kinds of side data than PyAV 18 has names for, EXIF among them, and PyAV then
# refuses to list any side data of the frame, including the display matrix.
Type._missing_ = classmethod(_unnamed)


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to show a stored picture: transpose first, then mirror.

    Attributes:
        transposed: rows become columns.
        mirrored: left and right are swapped.
        flipped: top and bottom are swapped.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def apply(self, plane: np.ndarray) -> np.ndarray:
        """(height, width) as shown; a contiguous copy unless nothing changes."""
        if self == UPRIGHT:
            return plane
        shown = plane.T if self.transposed else plane
        return np.ascontiguousarray(
            shown[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]
        )

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as shown, from width and height as stored."""
        return (height, width) if self.transposed else (width, height)


UPRIGHT = Orientation()


def orientation_of(frame: VideoFrame) -> Orientation:
    """The orientation from the container, or from the EXIF data of a JPEG image."""
    found = frame.side_data.get(Type.DISPLAYMATRIX)
    return UPRIGHT if found is None else orientation_of_matrix(np.frombuffer(found, np.int32))


def orientation_of_matrix(matrix: np.ndarray) -> Orientation:
    """The orientation nearest to a display matrix of libavutil.

    The matrix (a, b, u, c, d, v, x, y, w) moves pixel (p, q) to (a p + c q + x, b p + d q + y);
    the translation does not matter, as whole pictures are shown. Other angles are rounded to the
    nearest right angle.

    Args:
        matrix: the nine numbers, in any unit.
    """
    a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, mirrored=a < 0, flipped=d < 0)
    return Orientation(True, mirrored=c < 0, flipped=b < 0)
