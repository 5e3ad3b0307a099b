"""Find out whether a video file was cut short, from where its pictures are in the file.

Declared numbers of frames and durations do not tell: edit lists hide frames, recorders write chunks
without a picture, sound lasts longer than pictures. What counts is whether the bytes are there.
"""

import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from av.video.stream import VideoStream

from fusevad.errors import FusevadError
from fusevad.video import ends
from fusevad.video.containers import REPLACE

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_MEDIA = b"movi"
# Recorders that were stopped leave these values in place of a size.
_NO_RIFF_SIZE = (0, 0x7FFFFFFF, 0xFFFFFFFF)
# By demuxer of FFmpeg.
_ENDS: dict[str, Callable[[mmap.mmap, VideoStream], int]] = {
    "asf": lambda content, _: ends.end_of_asf(content),
    "dv": ends.end_of_dv,
    "gif": lambda content, _: ends.end_of_gif(content),
    "ivf": lambda content, _: ends.end_of_ivf(content),
    "mjpeg": lambda content, _: ends.end_of_jpegs(content),
    "mxf": lambda content, _: ends.end_of_mxf(content),
    "obu": lambda content, _: ends.end_of_obus(content),
    "ogg": lambda content, _: ends.end_of_ogg(content),
    "rm": lambda content, _: ends.end_of_real_media(content),
    "yuv4mpegpipe": ends.end_of_raw_pictures,
}


def check_complete(path: Path, stream: VideoStream) -> None:
    """Refuse a file whose end is missing.

    Raw streams and MPEG's transport and program streams can be cut anywhere and still look
    complete.

    Raises:
        FusevadError: the file ends before its pictures do.
    """
    demuxer = stream.container.format.name
    size = path.stat().st_size
    with path.open("rb") as file:
        if "mp4" in demuxer:
            end = max(_end_of_samples(stream), _end_of_fragments(file, size))
        elif "matroska" in demuxer:
            end = _end_of_elements(file, size)
        elif demuxer == "avi":
            end = max((end for _, end in _chunks(file, size, stream.index)), default=0)
        elif demuxer == "flv":
            end = _end_of_tags(file, size)
        elif demuxer in _ENDS:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                end = _ENDS[demuxer](content, stream)
        else:
            return
    if end > size:
        raise FusevadError(f"{path}: truncated, {size} of at least {end} bytes; {REPLACE}")


def chunk_count(path: Path, stream: int) -> int:
    """Number of pictures in an AVI file; empty chunks, which repeat the last picture, count.

    Args:
        path: the file.
        stream: number of the picture stream.
    """
    with path.open("rb") as file:
        return sum(name != _MEDIA for name, _ in _chunks(file, path.stat().st_size, stream))


def _chunks(file: BinaryIO, size: int, stream: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each list of media and of each picture's chunk, without using the index.

    The index may be missing, and FFmpeg leaves empty chunks out.
    """
    for name, end in _riff_chunks(file, size):
        # `pc` changes the palette; all other chunks of the stream are pictures.
        if name == _MEDIA or (name[:2] == b"%02d" % stream and name[2:] != b"pc"):
            yield name, end


def _riff_chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Name and end of each list of media and of each chunk in it."""
    position, media_end = 0, 0
    while position + 8 <= size:
        file.seek(position)
        name, length, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
        if name == bytes(4):  # padding, which may be gigabytes of a hole in the file
            return
        start, position = position + 8, position + 8 + length + length % 2
        if name in (b"RIFF", b"LIST") and kind in (b"AVI ", b"AVIX", _MEDIA, b"rec "):
            position = start + 4
            if kind == _MEDIA:
                media_end = start + length if length not in _NO_RIFF_SIZE else size
                yield kind, media_end
        elif start - 8 < media_end:
            yield name, start + length


def _end_of_samples(stream: VideoStream) -> int:
    """Where the last picture in the index of an MP4 file ends."""
    return max((entry.pos + entry.size for entry in stream.index_entries), default=0)


def _end_of_fragments(file: BinaryIO, size: int) -> int:
    """Where the last box of a fragmented MP4 file ends; 0 if the file is not fragmented."""
    position, fragmented = 0, False
    while position + 8 <= size:
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8).ljust(8, b"\xff"))
        fragmented |= name == b"moof"
        if length < 8:  # up to the end of the file, or not a box
            return 0
        position += length
    return position if fragmented else 0


def _end_of_elements(file: BinaryIO, size: int) -> int:
    """Where the last element of a Matroska file ends."""
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(12)
        name, start = _vint(header, 0, keep_marker=True)
        length, start = _vint(header, start, keep_marker=False)
        if name is None or length is None:
            return size
        unknown = length == 2 ** (7 * (start - _width(header[0]))) - 1
        inside = unknown and name in (_SEGMENT, _CLUSTER)
        position += start + (0 if inside else length)
        if name == _SEGMENT and not unknown:
            return position
    return position


def _end_of_tags(file: BinaryIO, size: int) -> int:
    """Where the last tag of an FLV file ends."""
    file.seek(5)
    position = int.from_bytes(file.read(4), "big") + 4
    while position < size:
        file.seek(position)
        header = file.read(4)
        if header == bytes(4):  # padding, which may be gigabytes of a hole in the file
            return size
        # A tag of 11 bytes and its data, then the length of both.
        position += 11 + (int.from_bytes(header, "big") & 0xFFFFFF) + 4
    return position - 4


def _width(first: int) -> int:
    """Bytes of a variable-length number, from its first byte."""
    return 9 - first.bit_length()


def _vint(data: bytes, start: int, keep_marker: bool) -> tuple[int | None, int]:
    """A variable-length number and where it ends; None if there is none."""
    if start >= len(data) or not data[start]:
        return None, start
    end = start + _width(data[start])
    value = int.from_bytes(data[start:end], "big")
    return (value if keep_marker else value & (1 << 7 * (end - start)) - 1), end
