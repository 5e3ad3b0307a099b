"""Decode videos: the same frames on every machine, and one clear line for a bad file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from fusevad.errors import FusevadError, notice
from fusevad.video.orientation import orientation_of
from fusevad.video.reader import FrameReader
from fusevad.video.settings import SEGMENT_FRAMES

if TYPE_CHECKING:
    from fusevad.video.pixels import Picture

FRAME_SIZE = (340, 256)

# Formats whose planes are read as they are; swscale converts all others to the last of them.
_PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuvj444p", "yuv444p")
# Rounding that does not depend on the processor's vector instructions.
_CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Facts from a full decode.

    Attributes:
        frames: number of frames.
        fps: frames over seconds, from time stamps.
        variable_rate: whether frame k is shown at a time other than k / fps; see `frame_edges`.
        width, height: size in pixels as shown.
    """

    frames: int
    fps: float
    variable_rate: bool
    width: int
    height: int


def segment_count(frames: int) -> int:
    """Number of 16-frame segments of a video; the last one may have fewer frames."""
    return -(-frames // SEGMENT_FRAMES)


def sampled_times(frames: int, stride: int) -> list[int]:
    """Frames 0, stride, 2 stride, ... of each segment of a video with `frames` frames."""
    return [time for time in range(frames) if _is_sampled(time, stride)]


def read_pictures(
    path: Path,
    size: tuple[int, int] = FRAME_SIZE,
    expected: int | None = None,
    stride: int = 1,
) -> Iterator["Picture"]:
    """Decode a video and resize its frames (bilinear, without keeping the aspect ratio).

    Frames are turned and mirrored by the video's display matrix, then resized.

    Args:
        path: a video file.
        size: width and height of the frames, in pixels.
        expected: number of frames in the manifest, if it is to be checked.
        stride: yield only the frames of `sampled_times`.

    Yields:
        pictures, which compute RGB and gray levels.

    Raises:
        FusevadError: the file can't be decoded to its end, or does not have `expected` frames.
    """
    reformatter = VideoReformatter()
    decoded = 0
    for frame in FrameReader(path):
        decoded += 1
        if expected is not None and decoded > expected:
            break
        if _is_sampled(decoded - 1, stride):
            yield picture_of(frame, reformatter, size)
    if expected is not None:
        _check_unchanged(path, decoded, expected)


def picture_of(
    frame: VideoFrame, reformatter: VideoReformatter, size: tuple[int, int] = FRAME_SIZE
) -> "Picture":
    """A decoded frame as `read_pictures` yields it; `reformatter` is for all frames of a video."""
    from fusevad.video.pixels import Picture, colour_coefficients, resize  # numba takes a second

    orientation = orientation_of(frame)
    if frame.format.name not in _PLANAR:
        frame = reformatter.reformat(
            frame, format=_PLANAR[-1], interpolation=_CONVERSION, threads=1
        )
    full_range = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
    coefficients = colour_coefficients(int(frame.colorspace), full_range)
    y, cb, cr = (resize(orientation.apply(plane_pixels(plane)), size) for plane in frame.planes)
    return Picture(y, cb, cr, coefficients)


def read_frames(
    path: Path,
    size: tuple[int, int] = FRAME_SIZE,
    expected: int | None = None,
    stride: int = 1,
) -> Iterator[np.ndarray]:
    """The RGB frames of `read_pictures`, (height, width, 3) uint8; each is a new array."""
    return (picture.rgb() for picture in read_pictures(path, size, expected, stride))


def probe(path: Path) -> VideoInfo:
    """Decode a whole video; take its length and rate from its pictures, not from its header.

    Raises:
        FusevadError: the file can't be decoded to its end.
    """
    return measure(path)[0]


def measure(path: Path) -> tuple[VideoInfo, np.ndarray]:
    """As `probe`, and the times of the frames as `frame_edges` gives them, in one decode.

    Frames that are damaged are counted in a warning: FFmpeg fills them from others.
    """
    reader, frames = FrameReader(path), 0
    for frame in reader:
        if frames == 0:
            width, height = orientation_of(frame).size(frame.width, frame.height)
        frames += 1
    if reader.damaged:
        notice(
            f"warning: {path}: {reader.damaged} of {frames} frames are damaged, and shown as FFmpeg"
            " guesses them; get the video again if you can"
        )
    timing = reader.timing
    return VideoInfo(frames, timing.fps, timing.variable, width, height), timing.edges


def frame_edges(path: Path, expected: int) -> np.ndarray:
    """Times of frames from time stamps: (frames + 1,) seconds from the first frame.

    Frame k is shown from edge k to edge k + 1.

    Args:
        path: a video file.
        expected: number of frames in the manifest.

    Raises:
        FusevadError: the file can't be decoded to its end, or does not have `expected` frames.
    """
    reader, frames = FrameReader(path), 0
    for _ in reader:
        frames += 1
    _check_unchanged(path, frames, expected)
    return reader.timing.edges


def _check_unchanged(path: Path, decoded: int, expected: int) -> None:
    if decoded != expected:
        found = "more" if decoded > expected else decoded
        raise FusevadError(
            f"{path}: {found} frames instead of the manifest's {expected}, so the file changed; "
            "make the manifest again"
        )


def _is_sampled(time: int, stride: int) -> bool:
    return time % SEGMENT_FRAMES % stride == 0


def plane_pixels(plane: VideoPlane) -> np.ndarray:
    """A view (height, width) uint8 of a plane whose lines may be padded, or stored bottom-up."""
    lines = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))
    if plane.line_size < 0:
        lines = lines[::-1]
    return lines[: plane.height, : plane.width]
