"""The manifest: the videos, their classes, and the number of frames that decode."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fusevad.csv_tables import read_csv, write_csv
from fusevad.data.label_tables import NORMAL, Interval, checked_classes
from fusevad.errors import FusevadError
from fusevad.video.decode import segment_count
from fusevad.video.settings import HIGHEST_RATE

_MANIFEST_COLUMNS = [
    "video", "path", "split", "classes", "frames", "fps", "width", "height", "sha256",
    "variable_rate",
]  # fmt: skip
_TEXTS = ("video", "path", "split", "classes", "sha256", "variable_rate")

_LOWEST_RATE = 1e-6  # a frame in eleven days
_SHA256 = re.compile("[0-9a-f]{64}")
_MOST_FRAMES = 1_000_000_000  # a year at 30 a second: labels of frames are in memory


@dataclass(frozen=True, slots=True)
class Video:
    """A row of the manifest.

    Attributes:
        classes: only `normal`, or the names of anomaly classes.
        fps: frames over seconds, from time stamps.
        width, height: size in pixels as shown.
        variable_rate: whether frame k is shown at a time other than k / fps.
    """

    name: str
    path: Path
    split: str
    classes: tuple[str, ...]
    frames: int
    fps: float
    width: int
    height: int
    sha256: str
    variable_rate: bool = False

    @property
    def segments(self) -> int:
        """Segments of 16 frames; an incomplete last one counts."""
        return segment_count(self.frames)

    @property
    def anomalous(self) -> bool:
        """Whether it shows an anomaly of any class."""
        return self.classes != (NORMAL,)


def read_manifest(path: Path) -> list[Video]:
    """Read `manifest.csv`.

    Raises:
        FusevadError: the file is missing or is not a manifest.
    """
    frame = read_csv(path, _MANIFEST_COLUMNS, _TEXTS)
    if frame.empty:
        raise FusevadError(f"{path}: no videos in the manifest; make it again")
    _check_cells(path, frame)
    varies = _variable_rates(path, frame)
    twice = frame["video"][frame["video"].duplicated()]
    if not twice.empty:
        raise FusevadError(f"{path}: video {twice.iloc[0]} is there twice; make it again")
    return [
        Video(
            name=row.video,
            path=Path(row.path),
            split=row.split,
            classes=checked_classes(
                f"{path}: line {row.Index + 2}", row.video, row.split, row.classes, row.path
            ),
            frames=int(row.frames),
            fps=float(row.fps),
            width=int(row.width),
            height=int(row.height),
            sha256=row.sha256,
            variable_rate=bool(varies[row.Index]),
        )
        for row in frame.itertuples()
    ]


def _check_cells(path: Path, frame: pd.DataFrame) -> None:
    """Raise `FusevadError` if a cell is empty, a number impossible or a hash none."""
    numbers, texts = frame[["frames", "fps", "width", "height"]], frame[list(_TEXTS)]
    # Rate and size are 0, unknown, where features replace the videos.
    possible = np.isfinite(numbers) & (numbers >= 0) & (numbers < _MOST_FRAMES)
    sizes = ["frames", "width", "height"]
    possible[sizes] &= numbers[sizes] == np.rint(numbers[sizes])
    possible["frames"] &= numbers["frames"] > 0
    possible["fps"] &= (numbers["fps"] == 0) | numbers["fps"].between(_LOWEST_RATE, HIGHEST_RATE)
    if not possible.all(axis=None) or texts.isna().any(axis=None):
        raise FusevadError(f"{path}: an empty cell or an impossible number; make it again")
    wrong = ~frame["sha256"].str.fullmatch(_SHA256)
    if wrong.any():
        raise FusevadError(
            f"{path}: line {wrong.idxmax() + 2}: sha256: not 64 hexadecimal digits; make it again"
        )


def _variable_rates(path: Path, frame: pd.DataFrame) -> pd.Series:
    """The column `variable_rate` as booleans; spreadsheets write TRUE."""
    varies = frame["variable_rate"].str.lower().map({"true": True, "false": False})
    if varies.isna().any():
        line = varies.isna().idxmax() + 2
        raise FusevadError(
            f"{path}: line {line}: variable_rate: neither True nor False; correct it"
        )
    return varies


def write_manifest(videos: Sequence[Video], path: Path) -> None:
    """Write `manifest.csv`."""
    rows = pd.DataFrame([asdict(video) for video in videos]).rename(columns={"name": "video"})
    rows["classes"] = rows["classes"].map(";".join)
    write_csv(rows[_MANIFEST_COLUMNS], path)


def frame_labels(frames: int, intervals: Iterable[Interval]) -> np.ndarray:
    """Ground truth of a video: (frames,) bool, true inside any of its intervals."""
    labels = np.zeros(frames, bool)
    for interval in intervals:
        labels[interval.start : interval.end] = 1
    return labels


def shard(videos: Sequence[Video], index: int, count: int) -> list[Video]:
    """Every `count`-th video, from number `index` on."""
    if not 0 <= index < count:
        raise FusevadError(f"shard {index} of {count} does not exist; use 0 to {count - 1}")
    return list(videos[index::count])
