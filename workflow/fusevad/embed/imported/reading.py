"""Read feature files of videos: their sizes, and their arrays as `rows x crops x D`."""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fusevad.arrays import NO_HEADER
from fusevad.embed.imported.layouts import FoundFiles
from fusevad.embed.imported.settings import LAYOUTS, ImportSettings
from fusevad.errors import FusevadError, message_of
from fusevad.files import check_size

_WHOLE = -1  # key of a file without a crop's number
_NAMED = 3  # bad videos that a message names
# Bytes: twenty times a text of 32 x 4096 numbers; ten crops of two days of video.
_LARGEST_TEXT, _LARGEST_ARRAY = 64 << 20, 64 << 30
_PARTS = (32, 64, 200)  # published methods pool a video to one of these numbers of rows


@dataclass(frozen=True, slots=True)
class VideoFeatures:
    """Features of one video on disk.

    Attributes:
        files: one for each wanted crop, or one (`whole`) with all crops.
        whole: whether it is one file.
        rows: of each file.
        width: features of a row, D.
        pooled: whether rows are equal parts of the whole video.
    """

    files: tuple[Path, ...]
    whole: bool
    rows: int
    width: int
    pooled: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """Result of reading a stream's headers: sizes of good videos, reasons for bad ones."""

    good: dict[str, VideoFeatures] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)


def scan(
    found: FoundFiles, names: Sequence[str], settings: ImportSettings, values: bool = False
) -> Scan:
    """Read the headers of all videos' files, and with `values` the features too.

    Raises:
        FusevadError: widths or numbers of crops differ.
    """
    result = Scan()
    crops_in_file: dict[int, Path] = {}
    widths: dict[int, Path] = {}
    for name in tqdm(names, desc="looking at features", unit="video"):
        try:
            sizes = _sizes(found.videos.get(name, {}), settings)
        except FusevadError as error:
            sizes = str(error)
        if not isinstance(sizes, str) and values:
            sizes = fault(sizes.video, settings) or sizes
        if isinstance(sizes, str):
            result.bad[name] = sizes
            continue
        result.good[name] = sizes.video
        crops_in_file.setdefault(sizes.crops_in_file, sizes.video.files[0])
        widths.setdefault(sizes.video.width, sizes.video.files[0])
    advice = f"set crop_axis to {1 - settings.crop_axis}, or extract them alike"
    if settings.layout == "i3d" and set(crops_in_file) == {10, 32}:
        advice = "if 10 x 32 x D are training videos pooled to 32 rows, choose layout i3d-32"
    _check_alike("crops", crops_in_file, advice)
    _check_alike("features in a row", widths, "import them one by one")
    return result


def pooled(features: Mapping[str, VideoFeatures], splits: Mapping[str, str]) -> str | None:
    """Which videos have rows that are parts of the whole video, not frames; None if none have.

    They are if all videos have the same number of rows, at most the largest of `_PARTS`; or if half
    of all videos, of the training videos or of the test videos have one of `_PARTS`, since often
    one split alone is pooled, and videos with fewer rows are kept as they are. Arrays that are
    known to be pooled do not count.

    Args:
        features: of each video.
        splits: of each video, `train` or `test`.
    """
    rows = {name: each.rows for name, each in features.items() if not each.pooled}
    everything = "videos"
    by_title = {everything: list(rows.values())}
    for split, title in (("train", "training videos"), ("test", "test videos")):
        by_title[title] = [count for name, count in rows.items() if splits[name] == split]
    for title, lengths in by_title.items():
        common, videos = Counter(lengths).most_common(1)[0] if lengths else (0, 0)
        alike = title == everything and videos == len(lengths) and common <= max(_PARTS)
        published = 2 * videos >= len(lengths) and common in _PARTS
        if videos > 2 and (alike or published):
            many = f"all {videos}" if videos == len(lengths) else f"{videos} of {len(lengths)}"
            return f"{many} {title} have {common} rows"
    return None


def some(problems: Mapping[str, str]) -> str:
    """The first few problems of videos, and how many more there are."""
    text = ", ".join(f"{name} ({why})" for name, why in list(problems.items())[:_NAMED])
    more = len(problems) - _NAMED
    return f"{text} and {more} more" if more > 0 else text


def read_video(video: VideoFeatures, settings: ImportSettings) -> NDArray[np.float16]:
    """Features of a video, `rows x crops x D`; NaN stays.

    Raises:
        FusevadError: a file is damaged, changed since the scan, or overflows float16.
    """
    result = np.empty((video.rows, len(settings.crops), video.width), np.float16)
    for place, (file, plane) in enumerate(_planes(video, settings)):
        if plane.shape != (video.rows, video.width):
            raise FusevadError(
                f"{file}: {_text(plane.shape)} features instead of {video.rows} x"
                f" {video.width}; extract or download it again"
            )
        with np.errstate(over="ignore"):
            result[:, place] = plane
        if np.isinf(result[:, place]).any():
            raise FusevadError(f"{file}: values too large for float16; extract it again")
    return result


def fault(video: VideoFeatures, settings: ImportSettings) -> str | None:
    """The problem with a video's features themselves, if any."""
    try:
        array = read_video(video, settings)
    except FusevadError as error:
        return str(error)
    rows = int(np.isnan(array).any(axis=(1, 2)).sum())
    return f"NaN in {rows} of {len(array)} rows" if rows and settings.on_nan == "stop" else None


@dataclass(frozen=True, slots=True)
class _Sizes:
    video: VideoFeatures
    crops_in_file: int


def _sizes(files: Mapping[int, Path], settings: ImportSettings) -> _Sizes | str:
    """Sizes of a video's arrays, or why it can't be imported."""
    if not files:
        return "no file"
    whole = _WHOLE in files
    if not whole and set(settings.crops) - set(files):
        return _no_crops(settings.crops, files)
    chosen = (files[_WHOLE],) if whole else tuple(files[crop] for crop in settings.crops)
    shapes = [_shape(file, whole, settings) for file in chosen]
    lengths = [shape.rows for shape in shapes]
    if min(lengths) == 0:
        return "no segment"
    if len(set(lengths)) > 1:
        return f"crops of {min(lengths)} to {max(lengths)} segments"
    shape = shapes[0]
    if whole and max(settings.crops) >= shape.crops:
        return _no_crops(settings.crops, range(shape.crops))
    video = VideoFeatures(chosen, whole, shape.rows, shape.width, shape.pooled)
    return _Sizes(video, shape.crops)


def _no_crops(wanted: Sequence[int], there: Mapping[int, Path] | range) -> str:
    return f"no crop {', '.join(str(crop) for crop in wanted if crop not in there)}"


@dataclass(frozen=True, slots=True)
class _Shape:
    """Sizes of one file's array."""

    rows: int
    crops: int
    width: int
    pooled: bool


def _shape(file: Path, whole: bool, settings: ImportSettings) -> _Shape:
    """Sizes of a file's array. Text is not read: the layout gives its shape."""
    layout = LAYOUTS[settings.layout]
    shape = (layout.bins, layout.widths[0]) if layout.suffix == ".txt" else _open(file).shape
    if 0 in shape:  # the released extractor saves an empty array for 16 frames or fewer
        return _Shape(0, 0, 0, pooled=False)
    if not shape or shape[-1] not in layout.widths or len(shape) not in ((2, 3) if whole else (2,)):
        widths = " or ".join(map(str, layout.widths))
        raise FusevadError(
            f"{file}: an array of {_text(shape)}, but layout {settings.layout} has {widths}"
            f" features in a row, and several crops only in a file without a crop's number; choose"
            " another layout"
        )
    pooled = layout.is_pooled(shape)
    if len(shape) == 2:
        return _Shape(shape[0], 1, shape[1], pooled)
    crop_axis = _crop_axis(settings, pooled)
    return _Shape(shape[1 - crop_axis], shape[crop_axis], shape[2], pooled)


def _crop_axis(settings: ImportSettings, pooled: bool) -> int:
    return 0 if pooled else settings.crop_axis


def _planes(
    video: VideoFeatures, settings: ImportSettings
) -> Iterator[tuple[Path, NDArray[np.floating]]]:
    """File and `rows x D` of each wanted crop."""
    if not video.whole:
        yield from ((file, _open(file)) for file in video.files)
        return
    file = video.files[0]
    array = _open(file)
    if array.ndim == 2:
        yield file, array
        return
    for crop in settings.crops:
        yield file, array.take(crop, axis=_crop_axis(settings, video.pooled))


def _open(file: Path) -> NDArray[np.floating]:
    """An array of floating-point numbers; `npy` files are memory-mapped."""
    try:
        check_size(file, _LARGEST_TEXT if file.suffix == ".txt" else _LARGEST_ARRAY)
        if file.suffix == ".txt":
            return _read_text(file)
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, OverflowError, *NO_HEADER) as error:
        reason = message_of(error)
        raise FusevadError(
            f"{file}: not a readable array of numbers ({reason}); download or convert it again"
        ) from error
    if not isinstance(array, np.ndarray):
        raise FusevadError(f"{file}: an archive of arrays (.npz), not one; convert it to .npy")
    # A damaged type or shape may take fewer bytes, which would be other numbers.
    if array.size and array.offset + array.nbytes != file.stat().st_size:
        raise FusevadError(
            f"{file}: more bytes than its array of {_text(array.shape)} {array.dtype}; download or"
            " convert it again"
        )
    if array.dtype.kind != "f":
        raise FusevadError(f"{file}: values of type {array.dtype}; convert them to float32")
    return array


def _read_text(file: Path) -> NDArray[np.floating]:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "loadtxt: input contained no data")
        try:
            return np.loadtxt(file, np.float32, ndmin=2)
        except UserWarning as error:
            raise ValueError("no numbers") from error


def _check_alike(what: str, examples: Mapping[int, Path], advice: str) -> None:
    if len(examples) > 1:
        (first, one), (second, other) = list(examples.items())[:2]
        raise FusevadError(f"{other}: {second} {what}, but {first} in {one}; {advice}")


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
