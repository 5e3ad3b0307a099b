"""The file of a shard's motion cues: write, check and read it.

An HDF5 file has a dataset for each cue, (segments, 256, 340) uint8 with the segments of all videos
one after another, and the index: the videos, and a hash for each cue of each video. Segments are
zstd frames, which other software reads with the plugin `hdf5plugin`; here they are hashed and
decompressed without HDF5's filters, so that a foreign file can't expand to more than a segment's
bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import accumulate, islice
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pyarrow
from numpy.typing import NDArray

from fusevad import json_text
from fusevad.cues.write_target import WriteTarget
from fusevad.errors import FusevadError
from fusevad.files import atomic_path
from fusevad.parsing import FORBID, parse
from fusevad.video.decode import FRAME_SIZE

_WIDTH, _HEIGHT = FRAME_SIZE
_PIXELS = _WIDTH * _HEIGHT
_INDEX = "index"
_DIGEST = 64  # length of a SHA-256 in hexadecimal digits
# Measured on real clips: 120 kB for ten cues of a segment; LZ4 200 kB, at nearly the same speed.
_LEVEL = 1
_CODEC = pyarrow.Codec("zstd", compression_level=_LEVEL)
_LONGEST_INDEX = 64 << 20  # bytes; a video of ten cues has 1 kB
# Errors of h5py and pyarrow on damaged bytes.
_DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, MemoryError)


@dataclass(frozen=True, slots=True)
class MadeWith:
    """Properties that all cues of a shard share; other values give other counts.

    Attributes:
        pixels_version: version of the frames' pixels (`video.pixels`).
        definition: as in `CueSettings`.
        cues: `cue_name` of each window and threshold.
        version: of the stage that counted them; 0 in shards from before it was noted.
    """

    __pydantic_config__ = FORBID

    pixels_version: int
    definition: str
    cues: tuple[str, ...]
    version: int = 0


@dataclass(frozen=True, slots=True)
class VideoCues:
    """A video's entry in the index.

    Attributes:
        video: its name.
        source: hash of the source of its cues, such as the video's file.
        segments: number of segments.
        sha256: by cue, hash of its compressed segments.
        frames: number of frames that were counted; None in shards from before it was noted.
    """

    __pydantic_config__ = FORBID

    video: str
    source: str
    segments: int
    sha256: dict[str, str]
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The index of a shard."""

    __pydantic_config__ = FORBID

    made_with: MadeWith
    videos: tuple[VideoCues, ...]


class CueShard:
    """A shard of motion cues, open for reading; its structure is checked before its values.

    Attributes:
        file: where it is stored.
        index: its content.
    """

    def __init__(self, file: Path, store: h5py.File) -> None:
        self.file = file
        self._store = store
        with _reading(file):
            self.index = _read_index(file, store)
            self._datasets = {cue: self._dataset(cue) for cue in self._cues()}

    def __enter__(self) -> "CueShard":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._store.close()

    def _cues(self) -> tuple[str, ...]:
        return self.index.made_with.cues if self._segments() else ()

    def _segments(self) -> int:
        return sum(video.segments for video in self.index.videos)

    def _dataset(self, cue: str) -> h5py.Dataset:
        dataset = _own_dataset(self._store, cue)
        expected = (self._segments(), _HEIGHT, _WIDTH)
        # HDF5 finds a chunk by the largest shape that the file states, and reads beyond its memory
        # if that is another one.
        shapes = {dataset.shape, dataset.maxshape}
        if shapes != {expected} or dataset.chunks != (1, _HEIGHT, _WIDTH):
            raise ValueError(f"{cue}: {shapes} in chunks of {dataset.chunks}")
        return dataset

    def segment(self, cue: str, place: int) -> NDArray[np.uint8]:
        """Counts of the segment at a place of the shard: (256, 340)."""
        with _reading(self.file):
            counts = _CODEC.decompress(self.compressed(cue, place), _PIXELS)
            return np.frombuffer(counts, np.uint8).reshape(_HEIGHT, _WIDTH)

    def compressed(self, cue: str, place: int) -> bytes:
        """The compressed segment, as stored."""
        with _reading(self.file):
            # HDF5 refuses a larger chunk. To ask for its size takes a walk through all chunks, and
            # a foreign file of 5 kB can have a billion.
            room = bytearray(2 * _PIXELS)
            return bytes(self._datasets[cue].id.read_direct_chunk((place, 0, 0), out=room)[1])

    def starts(self) -> list[int]:
        """Place of the first segment of each video."""
        sizes = [video.segments for video in self.index.videos]
        return list(accumulate(sizes, initial=0))[:-1]

    def check(self, cue: str, video: VideoCues, start: int) -> None:
        """Compare a cue of a video with its hash.

        Raises:
            FusevadError: it was damaged.
        """
        digest = hashlib.sha256()
        for place in range(start, start + video.segments):
            digest.update(self.compressed(cue, place))
        if digest.hexdigest() != video.sha256.get(cue):
            raise damaged(self.file)


def open_shard(file: Path) -> CueShard:
    """Open a shard of motion cues.

    Raises:
        FusevadError: it is missing or damaged, or does not have the form of `write_shard`.
    """
    if not file.is_file():
        raise FusevadError(f"{file}: no such motion cues; run the cues stage first")
    with _reading(file):
        store = h5py.File(file, "r")
        try:
            return CueShard(file, store)
        except BaseException:
            store.close()  # the error's traceback keeps it open, and then nobody can write it
            raise


def damaged(file: Path) -> FusevadError:
    """The error for damaged motion cues."""
    return FusevadError(f"{file}: damaged motion cues; delete it and run the workflow again")


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise damaged(file) from error


def _own_dataset(store: h5py.File, name: str) -> h5py.Dataset:
    """A dataset of bytes in the file itself: not a link, and no other file behind it."""
    if "/" in name:  # a group on the way could be a link
        raise ValueError(f"{name}: in a group")
    if not isinstance(store.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name}: missing, or a link")
    dataset = store[name]
    own = isinstance(dataset, h5py.Dataset) and not dataset.is_virtual and not dataset.external
    if not own or dataset.dtype != np.uint8:
        raise ValueError(f"{name}: not bytes in this file")
    return dataset


def _read_index(file: Path, store: h5py.File) -> ShardIndex:
    dataset = _own_dataset(store, _INDEX)
    longest = min(_LONGEST_INDEX, file.stat().st_size)
    if dataset.ndim != 1 or dataset.chunks or dataset.size > longest:
        raise ValueError("the index is not text")
    text = dataset[()].tobytes()
    digest, content = text[:_DIGEST], text[_DIGEST:]
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError("the index is damaged")
    index = parse(ShardIndex, json_text.load(content), str(file))
    if any(video.segments < 1 for video in index.videos):
        raise ValueError("a video without segments")
    if len(set(index.made_with.cues)) < len(index.made_with.cues):
        raise ValueError("a cue twice, and it may be there a million times")
    return index


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video to write; `video`, `source`, `segments` and `frames` as in `VideoCues`.

    Attributes:
        compressed: its segments in order, each by cue, from `compress`.
    """

    video: str
    source: str
    segments: int
    compressed: Iterator[Mapping[str, bytes]]
    frames: int | None = None


def compress(counts: Mapping[str, NDArray[np.uint8]]) -> dict[str, bytes]:
    """The counts of a segment, (256, 340) a cue, in the form of a shard."""
    return {
        cue: _CODEC.compress(np.ascontiguousarray(count).data, asbytes=True)
        for cue, count in counts.items()
    }


def write_shard(
    final: Path, made_with: MadeWith, videos: Iterable[NewVideo], segments: int
) -> None:
    """Write a shard, atomically.

    Args:
        final: the file.
        made_with: for the index.
        videos: read one after another.
        segments: their total number of segments.

    Raises:
        FusevadError: a video's number of segments is not the expected one.
    """
    with atomic_path(final) as temporary, WriteTarget(temporary) as target:
        # The oldest version whose structures have checksums, so that other software can read it.
        with h5py.File(target, "w", libver=("v110", "v110")) as store:
            datasets = {cue: _new_dataset(store, cue, segments) for cue in made_with.cues}
            entries: list[VideoCues] = []
            place = 0
            for new in videos:
                entries.append(_write_video(new, datasets if segments else {}, place, target))
                place += new.segments
            _write_index(store, ShardIndex(made_with, tuple(entries)))
        target.check()


def _new_dataset(store: h5py.File, cue: str, segments: int) -> h5py.Dataset:
    shape = (segments, _HEIGHT, _WIDTH)
    layout = {"chunks": (1, _HEIGHT, _WIDTH), **hdf5plugin.Zstd(clevel=_LEVEL)} if segments else {}
    return store.create_dataset(cue, shape, np.uint8, **layout)


def _write_video(
    new: NewVideo, datasets: Mapping[str, h5py.Dataset], start: int, target: WriteTarget
) -> VideoCues:
    digests = {cue: hashlib.sha256() for cue in datasets}
    found = 0
    for found, segment in enumerate(islice(new.compressed, new.segments + 1), 1):
        if found > new.segments:
            break
        for cue, dataset in datasets.items():
            dataset.id.write_direct_chunk((start + found - 1, 0, 0), segment[cue])
            digests[cue].update(segment[cue])
        target.check()
    if found != new.segments:
        raise FusevadError(
            f"{new.video}: not the {new.segments} segments of the manifest; make the manifest again"
        )
    sha256 = {cue: digest.hexdigest() for cue, digest in digests.items()}
    return VideoCues(new.video, new.source, new.segments, sha256, new.frames)


def _write_index(store: h5py.File, index: ShardIndex) -> None:
    content = json.dumps(asdict(index)).encode()
    text = hashlib.sha256(content).hexdigest().encode() + content
    store.create_dataset(_INDEX, data=np.frombuffer(text, np.uint8))
