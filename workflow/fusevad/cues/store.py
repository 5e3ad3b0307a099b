"""Files of motion cues, one a video: written in one decode, checked and read."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pandas as pd
from tqdm import tqdm

import fusevad
from fusevad.config.streams import cue_name
from fusevad.cues.count import cue_counts
from fusevad.cues.settings import CueSettings
from fusevad.data.manifest import Video, read_manifest, shard
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, write_csv
from fusevad.video.decode import FRAME_SIZE, read_pictures
from fusevad.video.pixels import PIXELS_VERSION

# Measured on real clips: 120 kB for ten cues of a segment, LZ4 200 kB, at nearly the same speed.
_COMPRESSION = hdf5plugin.Zstd(clevel=1)

_PIXELS = "pixels_version"  # attribute of a file of cues


def make_cues(
    manifest: Path, shard_index: int, shard_count: int, settings: CueSettings, out_csv: Path
) -> list[Path]:
    """Write the motion cues of a shard's videos, a HDF5 file each, and then the shard's index.

    The files, which are returned, lie beside `out_csv`; a file that is there with the same settings
    and video is kept.

    Raises:
        FusevadError: a video fails to decode, or has another number of frames than the manifest.
    """

    def counts(video: Video) -> Iterator[dict[str, np.ndarray]]:
        return cue_counts(read_pictures(video.path, expected=video.frames), settings)

    videos = shard(read_manifest(manifest), shard_index, shard_count)
    return write_cues(videos, settings, lambda video: video.sha256, counts, out_csv)


def write_cues(
    videos: Sequence[Video],
    settings: CueSettings,
    source: Callable[[Video], str],
    counts: Callable[[Video], Iterator[dict[str, np.ndarray]]],
    out_csv: Path,
) -> list[Path]:
    """Write the files of some videos, and then the index; returns the files, as `make_cues`.

    Args:
        videos: of a shard.
        settings: definition, windows and thresholds.
        source: digest of what a video's cues are made from.
        counts: makes them, as `cue_counts`.
        out_csv: the index.
    """
    rows = []
    for video in tqdm(videos, desc="motion cues", unit="video"):
        file = out_csv.parent / f"{video.name}.h5"
        attributes = _attributes(source(video), settings)
        if not _is_current(file, attributes):
            with atomic_path(file) as temporary, _Target(temporary) as target:
                with h5py.File(target, "w") as store:
                    _fill(store, attributes, settings, video.segments, counts(video), target)
                target.check()
        rows.append((video.name, file.name, video.segments))
    write_csv(pd.DataFrame(rows, columns=["video", "file", "segments"]), out_csv)
    return [out_csv.parent / file for _, file, _ in rows]


def read_counts(file: Path, window: int, threshold: int) -> Iterator[np.ndarray]:
    """Yield one cue of a video, segment by segment: (256, 340) uint8 counts.

    Raises:
        FusevadError: the file is missing or damaged, lacks this window and threshold, or was made
            from other pixels.
    """
    name = cue_name(window, threshold)
    try:
        with h5py.File(file, "r") as store:
            check_pixels(store, file)
            if name not in store:
                raise FusevadError(f"{file}: no motion cue {name}; run the cues stage with it")
            yield from store[name]
    except OSError as error:
        raise FusevadError(
            f"{file}: missing or damaged motion cues; delete it and run the cues stage"
        ) from error


def check_pixels(store: h5py.File, file: Path) -> None:
    """Refuse motion cues whose frames were resized or coloured in another way than now.

    Raises:
        FusevadError: they were.
    """
    found = store.attrs.get(_PIXELS)
    if found != PIXELS_VERSION:
        made_with = f"version {found}" if found is not None else "no stated version"
        raise FusevadError(
            f"{file}: motion cues made with {made_with} of the pixels, not {PIXELS_VERSION}; they"
            " can't be mixed with others: delete the folder of the cues and run the cues stage"
        )


def _attributes(source: str, settings: CueSettings) -> dict[str, str | int]:
    return {
        _PIXELS: PIXELS_VERSION,
        "definition": settings.definition,
        "cues": ",".join(cue_name(*setting) for setting in _grid(settings)),
        "video_sha256": source,
    }


def _grid(settings: CueSettings) -> list[tuple[int, int]]:
    return [(window, tau) for window in settings.windows for tau in settings.thresholds]


def _is_current(file: Path, wanted: Mapping[str, str | int]) -> bool:
    if not file.is_file():
        return False
    try:
        with h5py.File(file, "r") as store:
            return all(store.attrs.get(name) == value for name, value in wanted.items())
    except OSError:  # damaged: it is made again
        return False


def _fill(
    store: h5py.File,
    attributes: Mapping[str, str | int],
    settings: CueSettings,
    segments: int,
    counts: Iterable[Mapping[str, np.ndarray]],
    target: "_Target",
) -> None:
    width, height = FRAME_SIZE
    store.attrs.update(attributes)
    store.attrs["fusevad_version"] = fusevad.__version__
    for window, threshold in _grid(settings):
        store.create_dataset(
            cue_name(window, threshold),
            shape=(segments, height, width),
            dtype=np.uint8,
            chunks=(1, height, width),
            **_COMPRESSION,
        )
    for segment, found in enumerate(counts):
        for name, count in found.items():
            store[name][segment] = count
        target.check()


class _Target(io.FileIO):
    """A file that keeps its first failure, such as a full disk, for `check` to raise.

    HDF5 can't close a file whose writes fail, and says so in many lines of its own.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._failure: OSError | None = None

    def write(self, data: memoryview) -> int:
        written = 0
        try:
            while written < data.nbytes:
                written += super().write(data[written:])
        except OSError as error:
            self._failure = self._failure or error
        return data.nbytes

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._failure = self._failure or error
            return size or 0

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure
