"""Where the last part of a file ends, by the sizes that its container states.

FFmpeg stops in silence where one of these files does. Each function takes the bytes of a file that
FFmpeg has recognised, and returns a position beyond them if the file was cut.
"""

import struct
from fractions import Fraction
from mmap import mmap

from av.video.stream import VideoStream

_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_MXF_KEY, _MXF_PARTITION = bytes.fromhex("060e2b34"), bytes.fromhex("060e2b34020501010d0102010102")
# Bytes of a picture of DV, or a part of it: all of its profiles have multiples of them.
_DV_EUROPE, _DV_ELSEWHERE = 144_000, 120_000


def end_of_gif(content: mmap) -> int:
    """A GIF has a byte that says where it ends, after blocks that each end with an empty one."""
    position = 13 + _colours(content, 10)
    while position < len(content):
        kind = content[position]
        if kind == _GIF_END:
            return position + 1
        if kind == _GIF_EXTENSION:
            position = _end_of_blocks(content, position + 2)
        elif kind == _GIF_IMAGE:
            position = _end_of_blocks(content, position + 11 + _colours(content, position + 9))
        else:
            return len(content) + 1
    return position + 1


def _colours(content: mmap, flags: int) -> int:
    """Bytes of the table of colours whose flags are at this place."""
    if flags >= len(content) or not content[flags] & 0x80:
        return 0
    return 3 << (content[flags] & 7) + 1


def _end_of_blocks(content: mmap, position: int) -> int:
    while position < len(content) and content[position]:
        position += 1 + content[position]
    return position + 1


def end_of_raw_pictures(content: mmap, stream: VideoStream) -> int:
    """YUV4MPEG2 has a line before each picture, and pictures of one size."""
    picture = sum(
        part.width * part.height * -(-part.bits // 8) for part in stream.format.components
    )
    position = content.find(b"\n") + 1
    while content[position : position + 5] == b"FRAME":
        line = content.find(b"\n", position)
        if line < 0:
            return len(content) + picture
        position = line + 1 + picture
    return position + 5 if 0 < len(content) - position < 5 else position


def end_of_dv(content: mmap, stream: VideoStream) -> int:
    """DV has pictures of one size."""
    european = stream.average_rate in (Fraction(25), Fraction(50))
    size = _DV_EUROPE if european else _DV_ELSEWHERE
    return -(-len(content) // size) * size


def end_of_jpegs(content: mmap) -> int:
    """Pictures of Motion JPEG begin and end with marks of their own."""
    begun, ended = content.rfind(b"\xff\xd8"), content.rfind(b"\xff\xd9")
    return len(content) + 2 if begun > ended else len(content)


def end_of_ivf(content: mmap) -> int:
    """IVF states the size of each packet."""
    position = struct.unpack_from("<H", content, 6)[0]
    while position < len(content):
        header = content[position : position + 12]
        if header == bytes(12):  # padding, which may be gigabytes of a hole in the file
            return position
        position += 12 + int.from_bytes(header[:4], "little")
    return position


def end_of_ogg(content: mmap) -> int:
    """Ogg has pages, which list the sizes of their parts."""
    position = 0
    while content[position : position + 4] == b"OggS":
        if position + 27 > len(content):
            return position + 27
        parts = position + 27 + content[position + 26]
        position = parts + sum(content[position + 27 : parts])
    return position


def end_of_asf(content: mmap) -> int:
    """ASF states the size of its data; a recorder that was stopped leaves a smaller one."""
    position = 0
    while position + 24 <= len(content):
        name, length = struct.unpack_from("<16sQ", content, position)
        position += max(length, 24)
        if name == _ASF_DATA:
            break
    return position


def end_of_real_media(content: mmap) -> int:
    """RealMedia states the size of its data; 0 in live recordings.

    Some writers count the heading of 18 bytes twice.
    """
    position = 0
    while position + 8 <= len(content):
        name, length = struct.unpack_from(">4sI", content, position)
        position += max(length, 8)
        if name == b"DATA":
            return position - 18
    return position


def end_of_obus(content: mmap) -> int:
    """A raw stream of AV1 is made of units that state their size in 7 bits a byte."""
    position = 0
    while position < len(content) and content[position] & 2:
        position += 2 if content[position] & 4 else 1
        length = shift = 0
        while shift < 56:
            byte = content[position] if position < len(content) else 1
            length |= (byte & 0x7F) << shift
            position, shift = position + 1, shift + 7
            if byte < 0x80:
                break
        position += length
    return position


def end_of_mxf(content: mmap) -> int:
    """MXF is made of items of a stated size, and its beginning says where the last part is."""
    position, last = max(content.find(_MXF_PARTITION, 0, 1 << 16), 0), 0
    while position < len(content) and content[position : position + 4] == _MXF_KEY:
        start, length = _after_length(content, position + 16)
        if content[position : position + 14] == _MXF_PARTITION and start + 32 <= len(content):
            # Where the footer is, or 0 in a file that was not closed.
            last = max(last, struct.unpack_from(">Q", content, start + 24)[0])
        position = start + length
    return max(position, last + 1)


def _after_length(content: mmap, position: int) -> tuple[int, int]:
    """Where the value of an item of MXF begins, and its size."""
    if position >= len(content):
        return position + 1, 0
    first = content[position]
    width = first & 0x7F if first & 0x80 else 0
    start = position + 1 + width
    return start, int.from_bytes(content[position + 1 : start], "big") if width else first
