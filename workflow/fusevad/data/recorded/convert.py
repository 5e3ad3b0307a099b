"""Convert frame folders and event streams to lossless videos, so that one decoder reads all."""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from PIL import Image

from fusevad.arrays import read_npz
from fusevad.data.made_videos import add_video
from fusevad.data.recorded.inventory import RawVideo
from fusevad.data.recorded.settings import EventSettings, LayoutSettings
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, settings_hash, sha256, write_text
from fusevad.system_errors import about
from fusevad.video.containers import MOST_PIXELS, open_container

# Raise it, with the version of the stage `labels`, when a video changes: all are then converted
# again, also those that a killed job kept.
_VERSION = 1
_SOURCE = "FUSEVAD_SOURCE"
# The sources that were read, by sizes and times. Hidden, so that it is no part of the result.
_NOTE, _NOTED = ".sources", re.compile("^([0-9a-f]{12}) ([0-9a-f]{12})$", re.MULTILINE)
# Microseconds of a day: longer than any recording, and a file of three events may state a year.
_LONGEST = 86_400_000_000
_JPEG = ("JPEG",)
# Marks before the pixels of a picture, and at its end.
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
_NO_IMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def to_video(
    raw: RawVideo, layout: LayoutSettings, folder: Path, whole: Collection[str] = ()
) -> Path:
    """Write a raw video to `folder/NAME.mkv`, unless it was made of the same; return the file.

    JPEG files become a Motion JPEG stream unchanged, without being decoded. A frame of events has
    the number of events of each pixel (gray, at most 255), in FFV1.
    The files of a finished video are read only if their sizes or times changed.

    Args:
        whole: paths in `folder` of finished and undamaged videos (`resume_videos`).

    Raises:
        FusevadError: an image is not a whole JPEG or differs in size from the first, a file is not
            an event stream, or it can't be read.
    """
    out = folder / f"{raw.name}.mkv"
    note, state = folder / _NOTE, _state(raw, layout)
    known = dict(_NOTED.findall(note.read_text(errors="replace"))) if note.is_file() else {}
    source = known.get(state) or _source(raw, layout)
    if out.name not in whole or _made_from(out) != source:
        _convert(raw, layout, out, source)
    if state not in known:
        lines = (" ".join(each) + "\n" for each in (known | {state: source}).items())
        write_text("".join(lines), note, durable=False)
    return out


def _state(raw: RawVideo, layout: LayoutSettings) -> str:
    """Changes with the recipe and with the sizes and times of a raw video's files."""
    found = [(str(file), _facts(file)) for file in raw.files]
    # With the time of the last change, which nobody can set as archives set that of the content.
    files = [(name, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for name, each in found]
    return settings_hash({"layout": _recipe(layout), "files": files})


def _source(raw: RawVideo, layout: LayoutSettings) -> str:
    """Changes with the recipe and the bytes of a raw video's files."""
    files = [(file.name, _hashed(file)) for file in raw.files]
    return settings_hash({"layout": _recipe(layout), "files": files})


def _recipe(layout: LayoutSettings) -> str:
    """What videos depend on beside their files; those of the first version name no version."""
    return repr(layout) + (f" by version {_VERSION}" if _VERSION > 1 else "")


def _facts(file: Path) -> os.stat_result:
    with about(file):
        return file.stat()


def _hashed(file: Path) -> str:
    with about(file):
        return sha256(file)


def _bytes(file: Path) -> bytes:
    with about(file):
        return file.read_bytes()


def _convert(raw: RawVideo, layout: LayoutSettings, out: Path, source: str) -> None:
    with atomic_path(out) as temporary:
        # Without the random number that Matroska gives each file.
        options = {"fflags": "+bitexact"}
        with av.open(str(temporary), "w", container_options=options) as container:
            container.metadata[_SOURCE] = source
            if raw.kind == "frames":
                _mux_images(container, raw.files, layout.frames.fps)
            else:
                _encode_events(container, raw.files[0], layout.events)
        add_video(out.parent, out, temporary)


def check_raw_video(raw: RawVideo, layout: LayoutSettings) -> None:
    """Read all images of a frame folder, or all events of a stream.

    Raises:
        FusevadError: naming the first file that cannot be read, and why.
    """
    if raw.kind == "events":
        for _ in event_counts(raw.files[0], layout.events):
            pass
        return
    size = None
    for path in raw.files:
        try:
            found = _jpeg_size(path)
            with Image.open(path, formats=_JPEG) as image:
                image.load()
        except _NO_IMAGE as error:
            raise FusevadError(f"{path}: not a readable image ({error}); get it again") from error
        size = size or found
        _check_size(path, found, size)


@dataclass(frozen=True, slots=True)
class Events:
    """Events of a stream in order: times in microseconds, columns and rows of the sensor."""

    times: np.ndarray
    columns: np.ndarray
    rows: np.ndarray


def read_events(path: Path, settings: EventSettings) -> Events:
    """All events of a file, of either polarity.

    Raises:
        FusevadError: the file lacks one of the arrays t, x and y, they differ in length or are not
            whole numbers, times are not in order, or events are outside the sensor or a day.
    """
    try:
        times, columns, rows = map(_whole, read_npz(path, ("t", "x", "y")))
    except (OSError, ValueError) as error:
        raise FusevadError(f"{path}: not an event stream ({error}); get it again") from error
    if times.ndim != 1 or not times.shape == columns.shape == rows.shape:
        raise FusevadError(f"{path}: t, x and y are not lists of one length; get it again")
    # Not by their differences, which are never negative for unsigned numbers.
    if not len(times) or np.any(times[1:] < times[:-1]):
        raise FusevadError(f"{path}: its times are empty or not in order; get it again")
    if times[0] < 0 or times[-1] > _LONGEST:
        raise FusevadError(
            f"{path}: times from {times[0]} to {times[-1]} microseconds, not within a day; get it"
            " again, or let its clock start with the video"
        )
    if (
        min(columns.min(), rows.min()) < 0
        or columns.max() >= settings.width
        or rows.max() >= settings.height
    ):
        raise FusevadError(
            f"{path}: events outside {settings.width}x{settings.height}; correct width and height"
        )
    return Events(times, columns, rows)


def _whole(values: np.ndarray) -> np.ndarray:
    """Whole numbers, which may be stored as floating-point ones.

    Raises:
        ValueError: they are not whole.
    """
    if values.dtype.kind != "f":
        return values
    if not np.isfinite(values).all() or np.any(values != np.rint(values)):
        raise ValueError("fractions or NaN where whole numbers belong")
    return values.astype(np.int64)


def event_counts(path: Path, settings: EventSettings) -> Iterator[np.ndarray]:
    """Number of events at each pixel in each frame of a stream: (height, width) uint8, at most 255.

    Raises:
        FusevadError: as `read_events`.
    """
    events = read_events(path, settings)
    pixels = events.rows.astype(np.int64) * settings.width + events.columns.astype(np.int64)
    frames = int(events.times[-1]) // settings.frame_microseconds + 1
    edges = np.searchsorted(events.times, np.arange(frames + 1) * settings.frame_microseconds)
    for start, end in pairwise(edges):
        counts = np.bincount(pixels[start:end], minlength=settings.width * settings.height)
        yield np.minimum(counts, 255).astype(np.uint8).reshape(settings.height, settings.width)


def _made_from(video: Path) -> str | None:
    """The source that a video's metadata names."""
    with open_container(video) as container:
        return container.metadata.get(_SOURCE)


def _mux_images(
    container: av.container.OutputContainer, images: tuple[Path, ...], fps: int
) -> None:
    size = _jpeg_size(images[0])
    # Its bytes, not its name: FFmpeg takes `%d` and the like in a name for a pattern of files.
    with av.open(BytesIO(_bytes(images[0])), format="jpeg_pipe") as first:
        template = first.streams.video[0]
        if not template.width or not template.height:
            raise FusevadError(f"{images[0]}: FFmpeg can't read this JPEG; get it again")
        stream = container.add_stream_from_template(template)
    stream.time_base = Fraction(1, fps)
    for number, path in enumerate(images):
        _check_size(path, _jpeg_size(path), size)
        content = _bytes(path)
        if content.rfind(_JPEG_END) < content.rfind(_JPEG_SCAN):
            raise FusevadError(f"{path}: its end is missing; get it again")
        packet = av.Packet(content)
        packet.stream, packet.time_base = stream, Fraction(1, fps)
        packet.pts = packet.dts = number
        packet.duration = 1
        packet.is_keyframe = True
        container.mux(packet)


def _encode_events(
    container: av.container.OutputContainer, path: Path, settings: EventSettings
) -> None:
    stream = container.add_stream("ffv1", rate=Fraction(1_000_000, settings.frame_microseconds))
    stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, "gray"
    for counts in event_counts(path, settings):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(counts, format="gray")))
    container.mux(stream.encode())


def _jpeg_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path, formats=_JPEG) as image:
            width, height = image.size
    except _NO_IMAGE as error:
        raise FusevadError(f"{path}: not a JPEG image ({error}); get it again") from error
    if width * height > MOST_PIXELS:
        raise FusevadError(f"{path}: {width}x{height} pixels, more than 8K UHD; scale it down")
    return width, height


def _check_size(path: Path, size: tuple[int, int], first: tuple[int, int]) -> None:
    if size != first:
        raise FusevadError(
            f"{path}: {size[0]}x{size[1]} pixels, but the video's first image has"
            f" {first[0]}x{first[1]}; get it again"
        )
