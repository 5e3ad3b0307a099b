"""Layouts of published features: their folders, and the meaning of their names and arrays.

| layout     | files                                       | array                | streams |
|------------|---------------------------------------------|----------------------|---------|
| `released` | `rgb/[CLASS/]VIDEO__CROP.npy`, the same in  | T x 768, or 512 for  | RGB,    |
|            | `event_thr_10/` (ShanghaiTech: `event/`)    | ViT-B                | motion  |
| `vadclip`  | `[CLASS/]VIDEO__CROP.npy`                   | T x 512              | RGB     |
| `i3d`      | `VIDEO[_i3d].npy`, all crops in one file    | T x crops x 2048, or | RGB     |
|            |                                             | 1024                 |         |
|            | `VIDEO__CROP.npy` or `VIDEO_CROP.npy`       | T x 2048, or 1024    |         |
| `i3d-32`   | `VIDEO[_i3d].npy`: training videos pooled,  | 10 x 32 x 2048;      | RGB     |
|            | test videos whole                           | T x 10 x 2048        |         |
| `i3d-64`   | `VIDEO.npy`, all crops in one file          | T' x crops x 2048    | RGB     |
| `c3d`      | as `i3d`                                    | 4096 features        | RGB     |
| `c3d-txt`  | `VIDEO[_C].txt` (Sultani et al.), one crop  | 32 x 4096            | RGB     |

Folders between the top and a file do not matter (`train/`, a class, none). T is the number of
16-frame segments, T' of rows of 64 frames. The 32 rows of `c3d-txt`, and of a training video of
`i3d-32`, are equally long parts of the whole video.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from fusevad.errors import FusevadError
from fusevad.parsing import FORBID
from fusevad.places import Place
from fusevad.video.settings import SEGMENT_FRAMES


@dataclass(frozen=True, slots=True)
class Layout:
    """How one publisher stores features.

    Attributes:
        streams: for each stream its possible folders; the first that exists counts.
        widths: the published numbers of features D.
        suffix: of the files.
        endings: what may be between the video's name and the suffix.
        bins: rows of a pooled array, which divide the whole video evenly; 0 if none is pooled.
        pooled_crops: crops, on axis 0, by which a pooled array is told from that of a whole test
            video; 0 if all arrays are pooled.
        row_frames: frames of a row of an array that is not pooled, a multiple of a segment's.
    """

    streams: Mapping[str, tuple[str, ...]]
    widths: tuple[int, ...]
    suffix: str = ".npy"
    endings: tuple[str, ...] = ()
    bins: int = 0
    pooled_crops: int = 0
    row_frames: int = SEGMENT_FRAMES

    @property
    def needs_videos(self) -> bool:
        """Whether the lengths of videos are in no array."""
        return bool(self.bins) and not self.pooled_crops

    def is_pooled(self, shape: tuple[int, ...]) -> bool:
        """Whether rows of an array of this shape are parts of the whole video."""
        return self.needs_videos or bool(
            self.bins and len(shape) == 3 and shape[:2] == (self.pooled_crops, self.bins)
        )

    def rows(self, frames: int) -> int:
        """Rows of a video that is not pooled; an incomplete last one counts."""
        return -(-frames // self.row_frames)


_ONE = {"rgb": (".",)}
LAYOUTS = {
    "released": Layout(
        {"rgb": ("rgb",), "motion-released-T16-thr10": ("event_thr_10", "event")}, (768, 512)
    ),
    "vadclip": Layout(_ONE, (512,)),
    "i3d": Layout(_ONE, (2048, 1024), endings=("_i3d",)),
    "i3d-32": Layout(_ONE, (2048,), endings=("_i3d",), bins=32, pooled_crops=10),
    "i3d-64": Layout(_ONE, (2048,), row_frames=64),
    "c3d": Layout(_ONE, (4096,), endings=("_c3d",)),
    "c3d-txt": Layout(_ONE, (4096,), ".txt", ("_C",), bins=32),
}
LayoutName = Literal["released", "vadclip", "i3d", "i3d-32", "i3d-64", "c3d", "c3d-txt"]

StreamName = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9.-]*$")]


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """How features are imported.

    Attributes:
        layout: a key of `LAYOUTS`.
        crops: numbers of the crops as their publisher counts them, in the order of the result.
            0 is the centre in `released` and `vadclip`; a file without a number and without an axis
            of crops is crop 0.
        streams: folder of each stream, below the imported folder; empty: the layout's.
        crop_axis: axis of the crops in files that hold several: 1 is T x crops x D. Pooled arrays
            of `i3d-32` always have them on axis 0.
        on_nan: `stop`, or `zero` to replace NaN by 0 and count it (the released motion-cue features
            are 0/0 where nothing moves).
    """

    __pydantic_config__ = FORBID

    layout: LayoutName
    crops: tuple[int, ...] = tuple(range(10))
    streams: dict[StreamName, Place] = field(default_factory=dict)
    crop_axis: Literal[0, 1] = 1
    on_nan: Literal["stop", "zero"] = "stop"

    def __post_init__(self) -> None:
        if not self.crops or min(self.crops) < 0 or len(set(self.crops)) < len(self.crops):
            raise FusevadError(f"crops {list(self.crops)}: use different numbers, from 0")

    @property
    def suffix(self) -> str:
        """Of the files."""
        return LAYOUTS[self.layout].suffix

    def stream_names(self) -> list[str]:
        """Names of the streams that the features have."""
        return list(self.streams or LAYOUTS[self.layout].streams)

    def possible_folders(self) -> list[str]:
        """Folders that streams may be in, below that of the features."""
        return list(self.streams.values()) or [
            name for names in LAYOUTS[self.layout].streams.values() for name in names
        ]

    def stream_folder(self, folder: Path, stream: str) -> Path:
        """The folder of a stream's files.

        Raises:
            FusevadError: the layout has no such stream, or the folder is missing.
        """
        choices = {name: (part,) for name, part in self.streams.items()}
        choices = choices or dict(LAYOUTS[self.layout].streams)
        if stream not in choices:
            raise FusevadError(
                f"{folder}: features of layout {self.layout} have no stream {stream}, but "
                f"{', '.join(choices)}; name its folder in `streams`"
            )
        candidates = [folder / name for name in choices[stream]]
        for candidate in candidates:
            if candidate.is_dir():
                return candidate
        raise FusevadError(
            f"{candidates[0]}: no such folder for stream {stream}; put the features there, or name "
            "their folder in `streams`"
        )
