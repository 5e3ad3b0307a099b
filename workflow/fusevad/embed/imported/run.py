"""Import one stream: shards, their index, and a list of their source files."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

import fusevad
from fusevad.csv_tables import write_csv
from fusevad.data.manifest import Video, read_manifest, shard
from fusevad.embed.imported.layouts import find_files
from fusevad.embed.imported.reading import (
    Scan,
    VideoFeatures,
    fault,
    pooled,
    read_video,
    scan,
    some,
)
from fusevad.embed.imported.settings import LAYOUTS, ImportSettings, Layout
from fusevad.embed.index import make_index
from fusevad.embed.shards import shard_metadata, write_shard
from fusevad.errors import FusevadError, notice
from fusevad.files import sha256
from fusevad.video.settings import SEGMENT_FRAMES


def import_features(
    settings: ImportSettings,
    folder: Path,
    manifest: Path,
    stream: str,
    out_folder: Path,
    shards: int = 1,
) -> None:
    """Import a stream in the form in which the workflow would have extracted it.

    Writes `shard-{k}.safetensors` and, last, `index.csv`, as the stages `embed` and `index` do, and
    `sources.csv`: a row for each feature file with its SHA-256 and what was changed.

    Every frame gets a score: a video has as many rows as segments in the manifest, or one
    fewer. Then its last row is repeated for the missing segment: extractors drop an incomplete
    last segment, and some (the released one, after a multiple of 512 frames) a complete one.
    A row of 64 frames is repeated for each of its four segments. Pooled arrays have a fixed number
    of rows B for the whole video: segment s of S takes row `floor((s + 1/2) B / S)`, the row that
    covers its middle.

    Args:
        settings: layout, crops and more.
        folder: of the features.
        manifest: `manifest.csv`.
        stream: `rgb`, or a motion cue's, such as `motion-released-T16-thr10`.
        out_folder: for the shards and the index.
        shards: their number; as in `embed`, shard k has the videos k, k + shards, ...

    Raises:
        FusevadError: features are missing, unreadable, of the wrong length or not a number.
    """
    videos = read_manifest(manifest)
    looked = look(settings, folder, stream, [video.name for video in videos])
    _check_lengths(settings.stream_folder(folder, stream), videos, looked.good, settings)
    problems = looked.bad
    if problems:
        raise FusevadError(
            f"{settings.stream_folder(folder, stream)}: {len(problems)} of {len(videos)} videos of"
            f" {manifest} have no usable features of stream {stream}: {some(problems)}; add them,"
            " or make the manifest from the features"
        )
    job = _Import(settings, folder, looked.good)
    files = [out_folder / f"shard-{number}.safetensors" for number in range(shards)]
    with tqdm(total=len(videos), desc=f"importing {stream}", unit="video") as bar:
        for number, file in enumerate(files):
            part = shard(videos, number, shards)
            metadata = shard_metadata(job.provenance(stream))
            write_shard(file, job.shapes(part), job.tensors(part, bar), metadata)
    job.report()
    write_csv(pd.DataFrame(list(map(asdict, job.sources))), out_folder / "sources.csv")
    make_index(manifest, files, out_folder / "index.csv")


def look(
    settings: ImportSettings, folder: Path, stream: str, names: list[str], values: bool = False
) -> Scan:
    """Find and measure the features of a stream; warn about files of other videos.

    Args:
        values: whether to read the features too, to find NaN and values too large for float16.
    """
    where = settings.stream_folder(folder, stream)
    found = find_files(where, LAYOUTS[settings.layout], names)
    if found.unknown:
        paths = {str(path.relative_to(where)): "no such video" for path in found.unknown}
        notice(f"warning: {where}: {len(paths)} files are left out: {some(paths)}")
    return scan(found, names, settings, values)


def wrong_lengths(
    folder: Path,
    videos: list[Video],
    features: Mapping[str, VideoFeatures],
    settings: ImportSettings,
) -> dict[str, str]:
    """Videos whose features have the wrong length, and that length.

    Raises:
        FusevadError: rows are parts of whole videos.
    """
    layout = LAYOUTS[settings.layout]
    wrong = {
        video.name: why
        for video in videos
        if (found := features.get(video.name))
        and (why := pooled_test(found, video.split, layout) or _wrong_length(found, video, layout))
    }
    parts = pooled(features, {video.name: video.split for video in videos})
    if wrong and parts:
        raise FusevadError(
            f"{folder}: {parts}, though their lengths differ: a row is a part of a video and not"
            f" {layout.row_frames} frames; get features of all segments"
        )
    return wrong


def pooled_test(features: VideoFeatures, split: str, layout: Layout) -> str | None:
    """Why a test video's features can't be judged frame by frame, if they are pooled alone."""
    if split != "test" or not features.pooled or layout.needs_videos:
        return None
    return f"{features.files[0].name} is pooled to {features.rows} rows, as training videos are"


def _wrong_length(features: VideoFeatures, video: Video, layout: Layout) -> str | None:
    expected = layout.rows(video.frames)
    if features.pooled or features.rows in (expected, expected - 1):
        return None
    unit = "segments" if layout.row_frames == SEGMENT_FRAMES else f"rows of {layout.row_frames}"
    return (
        f"{features.files[0].name} has {features.rows} {unit}, expected {expected} or"
        f" {expected - 1}"
    )


def _check_lengths(
    folder: Path,
    videos: list[Video],
    features: Mapping[str, VideoFeatures],
    settings: ImportSettings,
) -> None:
    """Refuse features of the wrong length, naming all their videos.

    Raises:
        FusevadError: there are some, or rows are parts of whole videos.
    """
    wrong = wrong_lengths(folder, videos, features, settings)
    if wrong:
        named = ", ".join(f"{name} ({why})" for name, why in wrong.items())
        raise FusevadError(
            f"{folder}: features of {len(wrong)} of {len(videos)} videos differ in length from the"
            f" videos: {named}; extract them again, or leave these videos out of the labels"
        )


@dataclass(frozen=True, slots=True)
class _Source:
    """A row of `sources.csv`: a feature file, and how many of its rows were not numbers."""

    video: str
    file: Path
    sha256: str
    rows: int
    rows_with_nan: int


@dataclass(frozen=True, slots=True)
class _Import:
    """Reads the videos of an import; `sources` grows with each."""

    settings: ImportSettings
    folder: Path
    features: Mapping[str, VideoFeatures]
    sources: list[_Source] = field(default_factory=list)

    def provenance(self, stream: str) -> dict[str, str]:
        """Metadata of a shard."""
        return {
            "origin": "imported",
            "layout": self.settings.layout,
            "stream": stream,
            "crops": ",".join(map(str, self.settings.crops)),
            "on_nan": self.settings.on_nan,
            "fusevad_version": fusevad.__version__,
        }

    def shapes(self, videos: list[Video]) -> dict[str, tuple[int, int, int]]:
        """Shapes of the tensors to come."""
        crops = len(self.settings.crops)
        return {v.name: (v.segments, crops, self.features[v.name].width) for v in videos}

    def tensors(self, videos: list[Video], bar: tqdm) -> Iterator[NDArray[np.float16]]:
        """`segments x crops x D` of each video."""
        for video in videos:
            try:
                array = self._numbers(video.name)
            except FusevadError as error:
                raise self._with_others(video.name, error) from error
            layout = LAYOUTS[self.settings.layout]
            yield array[_rows(self.features[video.name], video.segments, layout)]
            bar.update()

    def _numbers(self, name: str) -> NDArray[np.float16]:
        """Rows of a video's files, `rows x crops x D`, with NaN replaced if allowed."""
        features = self.features[name]
        array = read_video(features, self.settings)
        nan = np.isnan(array)
        by_crop = nan.any(axis=2)
        by_file = by_crop.any(axis=1, keepdims=True) if features.whole else by_crop
        for file, rows in zip(features.files, by_file.T, strict=True):
            count = int(rows.sum())
            if count and self.settings.on_nan == "stop":
                raise FusevadError(
                    f"{file}: NaN in {count} of {len(array)} rows; set on_nan: zero, or extract it"
                    " again"
                )
            relative = file.relative_to(self.folder)
            self.sources.append(_Source(name, relative, sha256(file), len(array), count))
        array[nan] = 0
        return array

    def _with_others(self, name: str, error: FusevadError) -> FusevadError:
        """Add to the error of one video the errors of all videos that are still to be read."""
        known = {source.video for source in self.sources} | {name}
        others = {
            other: why
            for other, features in self.features.items()
            if other not in known and (why := fault(features, self.settings))
        }
        if not others:
            return error
        named = ", ".join(f"{other} ({why})" for other, why in others.items())
        return FusevadError(f"{error}; unusable too: {named}")

    def report(self) -> None:
        """Print what was replaced."""
        affected = [source for source in self.sources if source.rows_with_nan]
        if affected:
            rows = sum(source.rows_with_nan for source in affected)
            videos = len({source.video for source in affected})
            notice(f"NaN replaced by 0 in {rows} rows of {videos} of {len(self.features)} videos")


def _rows(features: VideoFeatures, segments: int, layout: Layout) -> NDArray[np.int64] | slice:
    """The row for each segment; see `import_features`."""
    if features.rows == segments:
        return slice(None)
    numbers = np.arange(segments)
    if features.pooled:
        return (2 * numbers + 1) * features.rows // (2 * segments)
    return np.minimum(numbers * SEGMENT_FRAMES // layout.row_frames, features.rows - 1)
