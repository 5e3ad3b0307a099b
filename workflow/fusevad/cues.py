"""Motion cues: per pixel, how many frame differences of a window exceed a threshold.

Source: the IEF-VAD paper (arXiv 2505.02393), event images, and its released extractor. All windows
and thresholds are made in one decode of the video, on the frame of 340x256 pixels.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import hdf5plugin
import numpy as np
import pandas as pd
from tqdm import tqdm

import fusevad
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, write_csv
from fusevad.manifest import Video, read_manifest, shard
from fusevad.motion_cue import cue_name
from fusevad.pixels import GRAY_SCALE, PIXELS_VERSION, Picture, count_changes, gray_of_rgb
from fusevad.settings import FORBID
from fusevad.video import FRAME_SIZE, SEGMENT_FRAMES, read_pictures, segment_count

Definition = Literal["paper", "released"]

# Measured on real clips: 120 kB for ten cues of a segment, LZ4 200 kB, at nearly the same speed.
_COMPRESSION = hdf5plugin.Zstd(clevel=1)

_MIDDLE = SEGMENT_FRAMES // 2
_PIXELS = "pixels_version"  # attribute of a file of cues


@dataclass(frozen=True, slots=True)
class CueSettings:
    """What a motion cue counts.

    Attributes:
        definition: `paper` counts the T differences of a window, the first of which crosses its
            leading edge; `released` counts the T-1 differences between frames of the window and
            cuts the counts at `clamp`.
        windows: lengths T in frames, even and at most 64, centred on the segment.
        thresholds: tau in gray levels of 255; a difference counts if it is larger.
        clamp: highest count of the `released` definition (16 in the code, idle for T = 16).
    """

    __pydantic_config__ = FORBID

    definition: Definition = "paper"
    windows: tuple[int, ...] = (4, 8, 16, 32, 64)
    thresholds: tuple[int, ...] = (10, 25)
    clamp: int = 16

    def __post_init__(self) -> None:
        if self.definition not in ("paper", "released"):
            raise FusevadError(
                f"motion cues: unknown definition {self.definition!r}; use paper or released"
            )
        for window in self.windows:
            if window % 2 or not 2 <= window <= 64:
                raise FusevadError(
                    f"motion cues: window {window} is not an even number of 2 to 64 frames; "
                    "correct the configuration"
                )
        if any(not 0 <= threshold <= 255 for threshold in self.thresholds) or self.clamp < 1:
            raise FusevadError(
                "motion cues: thresholds lie in 0..255 and the clamp is at least 1; "
                "correct the configuration"
            )


def normalise(counts: np.ndarray, window: int, settings: CueSettings) -> np.ndarray:
    """Counts to float32 in [0, 1], by a constant: never by what else is in the batch."""
    if settings.definition == "paper":
        return counts.astype(np.float32) / np.float32(window)
    highest = min(window - 1, settings.clamp)
    return np.minimum(counts, settings.clamp).astype(np.float32) / np.float32(highest)


def cue_counts(
    frames: Iterable[Picture | np.ndarray], settings: CueSettings
) -> Iterator[dict[str, np.ndarray]]:
    """Count the differences above the thresholds in the window around each segment.

    The window of T frames of segment s is [16 s + 8 - T/2, 16 s + 8 + T/2), cut off where the video
    begins and ends. The first frame of a video has no difference.

    Args:
        frames: pictures, or RGB frames, (height, width, 3) uint8.
        settings: definition, windows and thresholds.

    Yields:
        One dictionary a segment, also for an incomplete last one: `cue_name` to (height, width)
        uint8 counts.
    """
    half = max(settings.windows) // 2
    limits = np.array([GRAY_SCALE * threshold for threshold in settings.thresholds], np.int32)
    snapshots = _Snapshots(settings)
    segment = 0
    time = -1
    for time, frame in enumerate(frames):
        gray = frame.gray() if isinstance(frame, Picture) else gray_of_rgb(frame)
        if time == 0:
            previous = gray
            total = np.zeros((len(limits), *gray.shape), np.uint8)
        # Modulo 256: exact for differences of totals, as no window is longer than 64.
        count_changes(gray, previous, limits, total)
        previous = gray
        snapshots.keep(time, total)
        if time == SEGMENT_FRAMES * segment + _MIDDLE + half - 1:
            yield snapshots.counts(segment, time + 1)
            segment += 1
    for last in range(segment, segment_count(time + 1)):
        snapshots.end(time, total)
        yield snapshots.counts(last, time + 1)


class _Snapshots:
    """Running totals at the times where windows begin and end, as long as they are needed."""

    def __init__(self, settings: CueSettings) -> None:
        self._settings = settings
        self._totals: dict[int, np.ndarray] = {}
        # Whole segments, so that what is dropped has the phase of what is kept.
        self._kept = SEGMENT_FRAMES * (segment_count(max(settings.windows)) + 2)
        self._phases = {
            boundary % SEGMENT_FRAMES
            for window in settings.windows
            for boundary in self._boundaries(window, 0)
        }

    def _boundaries(self, window: int, segment: int) -> tuple[int, int]:
        """Times whose totals bound a window's count: (last one before it, last one in it)."""
        begin = SEGMENT_FRAMES * segment + _MIDDLE - window // 2
        before = begin - 1 if self._settings.definition == "paper" else begin
        return before, begin + window - 1

    def keep(self, time: int, total: np.ndarray) -> None:
        if time % SEGMENT_FRAMES in self._phases:
            self._totals[time] = total.copy()
            self._totals.pop(time - self._kept, None)

    def end(self, time: int, total: np.ndarray) -> None:
        self._totals[time] = total

    def counts(self, segment: int, frames: int) -> dict[str, np.ndarray]:
        """Counts of a segment when `frames` frames were seen."""
        result = {}
        for window in self._settings.windows:
            before, last = self._boundaries(window, segment)
            high = self._totals[min(last, frames - 1)]
            before = min(before, frames - 1)
            counts = high - self._totals[before] if before >= 0 else high
            for threshold, count in zip(self._settings.thresholds, counts, strict=True):
                result[cue_name(window, threshold)] = count
        return result


def make_cues(
    manifest: Path, shard_index: int, shard_count: int, settings: CueSettings, out_csv: Path
) -> list[Path]:
    """Write the motion cues of a shard's videos, a HDF5 file each, and then the shard's index.

    The files, which are returned, lie beside `out_csv`; a file that is there with the same settings
    and video is kept.

    Raises:
        FusevadError: a video fails to decode, or has another number of frames than the manifest.
    """
    videos = shard(read_manifest(manifest), shard_index, shard_count)
    rows = []
    for video in tqdm(videos, desc="motion cues", unit="video"):
        file = out_csv.parent / f"{video.name}.h5"
        if not _is_current(file, video, settings):
            _write_cues(file, video, settings)
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


def _attributes(video: Video, settings: CueSettings) -> dict[str, str | int]:
    return {
        _PIXELS: PIXELS_VERSION,
        "definition": settings.definition,
        "cues": ",".join(cue_name(*setting) for setting in _grid(settings)),
        "video_sha256": video.sha256,
    }


def _grid(settings: CueSettings) -> list[tuple[int, int]]:
    return [(window, tau) for window in settings.windows for tau in settings.thresholds]


def _is_current(file: Path, video: Video, settings: CueSettings) -> bool:
    if not file.is_file():
        return False
    try:
        with h5py.File(file, "r") as store:
            wanted = _attributes(video, settings)
            return all(store.attrs.get(name) == value for name, value in wanted.items())
    except OSError:  # damaged: it is made again
        return False


def _write_cues(file: Path, video: Video, settings: CueSettings) -> None:
    with atomic_path(file) as temporary, _Target(temporary) as target:
        with h5py.File(target, "w") as store:
            _fill(store, video, settings, target)
        target.check()


def _fill(store: h5py.File, video: Video, settings: CueSettings, target: "_Target") -> None:
    width, height = FRAME_SIZE
    store.attrs.update(_attributes(video, settings))
    store.attrs["fusevad_version"] = fusevad.__version__
    for window, threshold in _grid(settings):
        store.create_dataset(
            cue_name(window, threshold),
            shape=(video.segments, height, width),
            dtype=np.uint8,
            chunks=(1, height, width),
            **_COMPRESSION,
        )
    pictures = read_pictures(video.path, expected=video.frames)
    for segment, counts in enumerate(cue_counts(pictures, settings)):
        for name, count in counts.items():
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
