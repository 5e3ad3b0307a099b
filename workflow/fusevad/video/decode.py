"""Decoding of videos: the same frames on every machine, and one clear line for a bad file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from fusevad.errors import FusevadError
from fusevad.video.containers import REPLACE, open_container, picture_stream, reason
from fusevad.video.orientation import orientation_of
from fusevad.video.settings import SEGMENT_FRAMES

if TYPE_CHECKING:
    from fusevad.video.pixels import Picture

FRAME_SIZE = (340, 256)

# Formats whose planes are read as they are; swscale turns all others into the last.
_PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuvj444p", "yuv444p")
# Rounding that doesn't depend on the processor's vector instructions.
_CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a full decode found: number of frames, frames per second, size in pixels as shown."""

    frames: int
    fps: float
    width: int
    height: int


def segment_count(frames: int) -> int:
    """Number of 16-frame segments of a video; the last one may have fewer frames."""
    return -(-frames // SEGMENT_FRAMES)


def sampled_times(frames: int, stride: int) -> list[int]:
    """Frames 0, stride, 2 stride, ... of each segment of a video of so many frames."""
    return [time for time in range(frames) if _is_sampled(time, stride)]


def read_pictures(
    path: Path,
    size: tuple[int, int] = FRAME_SIZE,
    expected: int | None = None,
    stride: int = 1,
) -> Iterator["Picture"]:
    """Decode a video and resize its frames (bilinear, without keeping the aspect ratio).

    Frames are turned and mirrored as the video's display matrix says, then resized.

    Args:
        path: a video file.
        size: width and height of the frames, in pixels.
        expected: number of frames that the manifest states, if it is to be checked.
        stride: yield only the frames of `sampled_times`.

    Yields:
        pictures, from which RGB and gray levels are made.

    Raises:
        FusevadError: the file can't be decoded to its end, or has not `expected` frames.
    """
    from fusevad.video.pixels import Picture, colour_coefficients, resize  # numba takes a second

    reformatter = VideoReformatter()
    decoded = 0
    for frame in _decode(path):
        decoded += 1
        if expected is not None and decoded > expected:
            break
        if not _is_sampled(decoded - 1, stride):
            continue
        orientation = orientation_of(frame)
        if frame.format.name not in _PLANAR:
            frame = reformatter.reformat(
                frame, format=_PLANAR[-1], interpolation=_CONVERSION, threads=1
            )
        full_range = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
        coefficients = colour_coefficients(int(frame.colorspace), full_range)
        y, cb, cr = (resize(orientation.apply(_pixels(plane)), size) for plane in frame.planes)
        yield Picture(y, cb, cr, coefficients)
    if expected is not None and decoded != expected:
        found = "more" if decoded > expected else decoded
        raise FusevadError(
            f"{path}: {found} frames instead of the manifest's {expected}, so the file changed; "
            "make the manifest again"
        )


def read_frames(
    path: Path,
    size: tuple[int, int] = FRAME_SIZE,
    expected: int | None = None,
    stride: int = 1,
) -> Iterator[np.ndarray]:
    """The RGB frames, (height, width, 3) uint8, of `read_pictures`; each is the caller's own."""
    return (picture.rgb() for picture in read_pictures(path, size, expected, stride))


def probe(path: Path) -> VideoInfo:
    """Decode a whole video and count its frames; what the container says is not trusted.

    Raises:
        FusevadError: the file can't be decoded to its end.
    """
    frames = 0
    for frame in _decode(path):
        if frames == 0:
            width, height = orientation_of(frame).size(frame.width, frame.height)
        frames += 1
    with open_container(path) as container:
        stream = picture_stream(container, path)
        rate = stream.average_rate or stream.guessed_rate
    if not rate:
        raise FusevadError(f"{path}: the file states no frame rate; {REPLACE}")
    return VideoInfo(frames=frames, fps=float(rate), width=width, height=height)


def _is_sampled(time: int, stride: int) -> bool:
    return time % SEGMENT_FRAMES % stride == 0


def _pixels(plane: VideoPlane) -> np.ndarray:
    """A view (height, width) uint8 of a plane, whose lines may be padded."""
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def _decode(path: Path) -> Iterator[VideoFrame]:
    """The decoded frames of a video's first picture stream, and every check of the file."""
    frames, last_end = 0, None
    with open_container(path) as container:
        stream = picture_stream(container, path)
        packets = container.decode(stream)
        while True:
            try:
                frame = next(packets, None)
            except (av.FFmpegError, ValueError) as error:
                raise FusevadError(
                    f"{path}: decoding fails after {frames} frames ({reason(error)}); {REPLACE}"
                ) from error
            if frame is None:
                break
            frames += 1
            last_end = frame.time if frame.time is not None else last_end
            yield frame
        if frames == 0:
            raise FusevadError(f"{path}: the video has no frames; {REPLACE}")
        _check_not_truncated(path, container, stream, frames, last_end)


def _check_not_truncated(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    frames: int,
    last_time: float | None,
) -> None:
    """Compare what was decoded with what the container declares.

    A file whose index comes first simply ends early when it is cut. Containers that declare a
    number of frames may be off by a few (edit lists), hence the tolerance of 2 %; the others are
    judged by the time of the last frame (10 % and half a second, as sound may last longer).
    """
    if stream.frames:
        missing = stream.frames - frames
        if missing > max(2, stream.frames // 50):
            raise FusevadError(
                f"{path}: truncated, {frames} of {stream.frames} frames decode; {REPLACE}"
            )
        return
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    else:
        return
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    if last_time is not None and last_time - start < 0.9 * duration - 0.5:
        raise FusevadError(
            f"{path}: truncated, the frames end at {last_time - start:.1f} s of {duration:.1f} s; "
            f"{REPLACE}"
        )
