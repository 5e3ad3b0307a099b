"""Numbers of samples that an MP4 or QuickTime file declares, compared with its bytes.

FFmpeg makes an entry of 60 bytes for each declared sample when it opens a file. The number takes
four bytes and needs no table, so a file of 3 kB can make FFmpeg take gigabytes.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fusevad.errors import FusevadError

# Boxes in which FFmpeg looks for further boxes; in `free` there may be a header that was given up.
_OUTER = frozenset(
    b"moov hoov free trak mdia minf stbl moof traf mvex edts dinf udta meta ilst tref wave sinf"
    b" schi".split()
)
# Samples of all tracks: four days of 30 pictures a second with sound.
_MOST = 20_000_000
# FFmpeg takes samples of PCM sound a thousand at a time; old codecs have several a byte.
_AT_A_TIME, _A_BYTE = 1024, 32


@dataclass(slots=True)
class _Track:
    """What the boxes of one track declare; `other` if any box is not one of PCM sound."""

    samples: int = 0
    size: int = 0
    edits: int = 1
    chunks: int = 0
    in_chunk: int = 0
    sound: bool = False
    other: bool = False
    each_takes_one: bool = False

    @property
    def pcm(self) -> bool:
        """Whether FFmpeg makes entries of chunks, not of samples."""
        return self.sound and not self.other and self.each_takes_one and self.size > 0


def check_sample_counts(path: Path, refuse: str) -> None:
    """Refuse a file that declares more samples than it can have; files of other formats pass.

    Raises:
        FusevadError: it does, or can't be read; `refuse` says what to do.
    """
    size = path.stat().st_size
    if size < 8:
        return
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            declared, entries = _declared(content, size, path)
    except OSError as error:  # files of the kernel
        raise FusevadError(f"{path}: can't be read ({error.strerror}); {refuse}") from error
    if max(declared, entries) > size or entries > _MOST:
        raise FusevadError(
            f"{path}: declares {entries} pictures and samples of sound, more than its {size} bytes"
            f" or any recording ({_MOST}) can have; {refuse}"
        )


def _declared(content: mmap.mmap, size: int, path: Path) -> tuple[int, int]:
    """Bytes that the declared samples take at least, and entries that FFmpeg makes of them."""
    tracks = [_Track()]  # boxes outside of all tracks: fragments
    for name, start, end in _boxes(content, 0, size):
        if name == b"cmov":
            raise FusevadError(f"{path}: a compressed header of QuickTime; save the video anew")
        if name == b"trak":
            tracks.append(_Track())
        try:
            _note(tracks[-1], name, content, start, end)
        except struct.error:  # the box ends before its numbers do
            continue
    declared = entries = 0
    for track in tracks:
        if track.pcm:
            in_chunks = track.in_chunk * track.chunks
            declared += -(-in_chunks // _A_BYTE)
            entries += track.chunks + in_chunks // _AT_A_TIME
        else:
            declared += track.samples * max(track.size, 1)
            entries += track.samples * track.edits
    return declared, entries


def _boxes(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each box, outer ones before those in them."""
    waiting = [(start, end)]
    while waiting:
        start, end = waiting.pop()
        while start + 8 <= end:
            length, name = struct.unpack_from(">I4s", content, start)
            inside = start + 8
            if length == 1 and start + 16 <= end:
                (length,) = struct.unpack_from(">Q", content, inside)
                inside += 8
            stop = end if length == 0 else min(start + length, end)
            if stop < inside:
                break
            yield name, inside, stop
            if name in _OUTER:
                waiting.append((stop, end))
                start, end = inside + 4 * (name == b"meta"), stop
            elif name == b"stsd":  # FFmpeg looks for boxes behind each description
                yield from _hidden(content, inside, stop)
                start = stop
            else:
                start = stop


def _hidden(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for name in (b"stsz", b"stz2"):
        place = content.find(name, start, end)
        while place >= 0:
            yield name, place + 4, end
            place = content.find(name, place + 4, end)


def _note(track: _Track, name: bytes, content: mmap.mmap, start: int, end: int) -> None:
    """Note what a box declares of its track; the largest number counts where several boxes do."""

    def numbers(form: str, skip: int = 4) -> tuple[int, ...]:
        if start + skip + struct.calcsize(form) > end:
            raise struct.error
        return struct.unpack_from(form, content, start + skip)

    if name == b"stsz":
        size, samples = numbers(">II")
        track.size, track.samples = max(track.size, size), max(track.samples, samples)
    elif name == b"stz2":
        track.samples = max(track.samples, *numbers(">I", 8))
    elif name == b"trun":
        track.samples += numbers(">I")[0]
    elif name == b"elst":
        # No more edits than the box has bytes for: 12 each.
        track.edits = max(track.edits, min(numbers(">I")[0], (end - start) // 12))
    elif name in (b"stco", b"co64"):
        track.chunks = max(track.chunks, min(numbers(">I")[0], (end - start) // 4))
    elif name == b"stsc":
        count = min(numbers(">I")[0], (end - start - 8) // 12)
        runs = struct.iter_unpack(">III", content[start + 8 : start + 8 + 12 * count])
        track.in_chunk = max([track.in_chunk, *(in_chunk for _, in_chunk, _ in runs)])
    elif name == b"stts":
        count, _, duration = numbers(">III")
        track.each_takes_one = (count, duration) == (1, 1)
        track.other |= not track.each_takes_one
    elif name == b"hdlr":
        kind = content[start + 8 : start + 12]
        # The handler of data, `dhlr`, is no handler of media.
        if content[start + 4 : start + 8] != b"dhlr":
            track.sound |= kind == b"soun"
            track.other |= kind != b"soun"
