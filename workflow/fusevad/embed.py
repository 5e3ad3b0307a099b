"""Embeddings of a data set: segments x crops x D for every video, in shards that can be resumed."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.numpy import load_file, save
from tqdm import tqdm

import fusevad
from fusevad.crops import CROP_COUNT, crop_images
from fusevad.cues import CueSettings, normalise, read_counts
from fusevad.encoders import EncoderSettings, Tower, load_cue_tower, load_image_tower
from fusevad.errors import FusevadError
from fusevad.files import atomic_path, settings_hash, sha256
from fusevad.manifest import Video, read_manifest, shard
from fusevad.motion_cue import MotionCue
from fusevad.settings import FORBID
from fusevad.video import SEGMENT_FRAMES, read_frames, sampled_times

RGB = "rgb"
_PART = "embeddings"  # the one tensor of a finished video


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """What is embedded and how.

    Attributes:
        stream: `rgb`; `event-T16-thr10` (motion cues of 16 frames and threshold 10, definition
            `paper`); or `event-released-T16-thr10` (definition `released`).
        encoder: the CLIP.
        cues: the settings that the motion cues were made with.
        crops: numbers of the crops (see `crops.crop_images`), in the order of the result.
        frame_stride: `rgb` embeds frames 0, s, 2s, ... of each segment; 1 is every frame.
        batch_size: images that the encoder gets at once.
    """

    __pydantic_config__ = FORBID

    stream: str
    encoder: EncoderSettings
    cues: CueSettings = field(default_factory=CueSettings)
    crops: tuple[int, ...] = tuple(range(CROP_COUNT))
    frame_stride: int = 1
    batch_size: int = 64

    def __post_init__(self) -> None:
        if not self.crops or not set(self.crops) <= set(range(CROP_COUNT)):
            raise FusevadError(f"crops {list(self.crops)}: use numbers of 0 to {CROP_COUNT - 1}")
        if not 1 <= self.frame_stride <= SEGMENT_FRAMES or self.batch_size < 1:
            raise FusevadError(
                f"frame_stride {self.frame_stride}, batch_size {self.batch_size}: use a stride of "
                f"1 to {SEGMENT_FRAMES} and a batch of at least 1"
            )
        if self.stream != RGB:
            self.window_and_threshold()

    def window_and_threshold(self) -> tuple[int, int]:
        """Window T and threshold of an `event` stream, checked against the cues' settings."""
        cue = MotionCue.from_stream(self.stream)
        known = cue.window in self.cues.windows and cue.threshold in self.cues.thresholds
        if cue.definition != self.cues.definition or not known:
            raise FusevadError(
                f"stream {self.stream}: the motion cues are made with definition "
                f"{self.cues.definition}, windows {list(self.cues.windows)} and thresholds "
                f"{list(self.cues.thresholds)}; change the stream or the cues"
            )
        return cue.window, cue.threshold


def embed_shard(
    manifest: Path,
    shard_index: int,
    shard_count: int,
    settings: EmbedSettings,
    out_file: Path,
    cue_folder: Path | None = None,
    threads: int = 1,
) -> None:
    """Embed a shard's videos into one safetensors file: (segments, crops, D) float16 a video.

    Finished videos wait in a hidden folder beside `out_file`, so that a killed job loses at most
    one. An RGB segment is the mean over its sampled frames; an incomplete last segment is the mean
    over those that exist. A motion cue is one image a segment.

    Args:
        manifest: `manifest.csv`.
        shard_index: this shard, 0 .. shard_count - 1.
        shard_count: number of shards.
        settings: stream, encoder, crops.
        out_file: the shard to write.
        cue_folder: folder of the motion cues, for an `event` stream.
        threads: threads of torch.

    Raises:
        FusevadError: bad weights, videos or motion cues.
    """
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    videos = shard(read_manifest(manifest), shard_index, shard_count)
    embedder = _embedder(settings, cue_folder)
    provenance = _provenance(settings, embedder.tower)
    progress = _progress_folder(out_file, provenance)
    parts: dict[str, Path] = {}
    for video in tqdm(videos, desc=f"embedding {settings.stream}", unit="video"):
        part = progress / f"{embedder.key(video)}.safetensors"
        if not part.is_file():
            _save_part(part, video, embedder.embed(video))
        parts[video.name] = part
    with atomic_path(out_file) as temporary:
        tensors = {name: load_file(part)[_PART] for name, part in parts.items()}
        # Bytes first: so a full disk is an OSError that `atomic_path` explains.
        # One entry: safetensors writes several in random order, and the bytes shall be the same.
        temporary.write_bytes(save(tensors, {"provenance": json.dumps(provenance)}))
    shutil.rmtree(progress)


class _RgbEmbedder:
    """Embeds the frames of videos."""

    def __init__(self, settings: EmbedSettings) -> None:
        self._settings = settings
        self.tower = load_image_tower(settings.encoder)

    def key(self, video: Video) -> str:
        """Changes whenever the video's bytes do."""
        return video.sha256

    def embed(self, video: Video) -> np.ndarray:
        """(segments, crops, D) float32."""
        crops = self._settings.crops
        sums: np.ndarray | None = None
        counts = np.zeros(video.segments, np.float32)
        for segments, images in self._batches(video):
            vectors = self.tower.embed(images).reshape(len(segments), len(crops), -1)
            if sums is None:
                sums = np.zeros((video.segments, *vectors.shape[1:]), np.float32)
            np.add.at(sums, segments, vectors)
            np.add.at(counts, segments, 1)
        return sums / counts[:, None, None]

    def _batches(self, video: Video) -> Iterator[tuple[list[int], np.ndarray]]:
        """The segment of each sampled frame, and all their crops, up to `batch_size` images."""
        frames_at_once = max(1, self._settings.batch_size // len(self._settings.crops))
        segments: list[int] = []
        images: list[np.ndarray] = []
        stride = self._settings.frame_stride
        times = sampled_times(video.frames, stride)
        frames = read_frames(video.path, expected=video.frames, stride=stride)
        for time, frame in zip(times, frames, strict=True):
            segments.append(time // SEGMENT_FRAMES)
            images.append(crop_images(frame, self._settings.crops, self.tower.image_size))
            if len(segments) == frames_at_once:
                yield segments, np.concatenate(images)
                segments, images = [], []
        if segments:
            yield segments, np.concatenate(images)


class _CueEmbedder:
    """Embeds the motion cues of videos."""

    def __init__(self, settings: EmbedSettings, cue_folder: Path) -> None:
        self._settings = settings
        self._folder = cue_folder
        self._window, self._threshold = settings.window_and_threshold()
        self.tower = load_cue_tower(settings.encoder)

    def _file(self, video: Video) -> Path:
        return self._folder / f"{video.name}.h5"

    def key(self, video: Video) -> str:
        """Changes whenever the motion cues do."""
        file = self._file(video)
        if not file.is_file():
            raise FusevadError(f"{file}: no such motion cues; run the cues stage first")
        return sha256(file)

    def embed(self, video: Video) -> np.ndarray:
        """(segments, crops, D) float32."""
        vectors = [self.tower.embed(images) for images in self._batches(video)]
        found = sum(map(len, vectors)) // len(self._settings.crops)
        if found != video.segments:
            raise FusevadError(
                f"{self._file(video)}: {found} segments, but {video.name} has {video.segments}; "
                "delete it and run the cues stage"
            )
        return np.concatenate(vectors).reshape(found, len(self._settings.crops), -1)

    def _batches(self, video: Video) -> Iterator[np.ndarray]:
        """Crops of consecutive segments, up to `batch_size` images."""
        crops, size = self._settings.crops, self.tower.image_size
        segments_at_once = max(1, self._settings.batch_size // len(crops))
        images: list[np.ndarray] = []
        for counts in read_counts(self._file(video), self._window, self._threshold):
            cue = normalise(counts, self._window, self._settings.cues)
            images.append(crop_images(cue, crops, size))
            if len(images) == segments_at_once:
                yield np.concatenate(images)
                images = []
        if images:
            yield np.concatenate(images)


def _embedder(settings: EmbedSettings, cue_folder: Path | None) -> _RgbEmbedder | _CueEmbedder:
    if settings.stream == RGB:
        return _RgbEmbedder(settings)
    if cue_folder is None:
        raise FusevadError(f"stream {settings.stream}: name the folder of its motion cues")
    return _CueEmbedder(settings, cue_folder)


def _provenance(settings: EmbedSettings, tower: Tower) -> dict[str, str]:
    """What a shard was made with."""
    encoder = settings.encoder
    model = sha256(Path(encoder.model)) if encoder.model.endswith(".json") else encoder.model
    common = {
        "encoder": encoder.name,
        "model": model,
        "weights_sha256": tower.weights_sha256,
        "stream": settings.stream,
        "crops": ",".join(map(str, settings.crops)),
        "fusevad_version": fusevad.__version__,
    }
    if settings.stream == RGB:
        return common | {"frame_stride": str(settings.frame_stride)}
    return common | {
        "cue_normalisation": encoder.cue_normalisation,
        "cue_clamp": str(settings.cues.clamp) if settings.cues.definition == "released" else "",
    }


def _progress_folder(out_file: Path, provenance: dict[str, str]) -> Path:
    """Where finished videos wait; those of other settings are dropped."""
    folder = out_file.parent / f".{out_file.stem}-{settings_hash(provenance)}.progress"
    for other in out_file.parent.glob(f".{out_file.stem}-*.progress"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _save_part(part: Path, video: Video, vectors: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        halves = vectors.astype(np.float16)
    if not np.isfinite(halves).all():
        raise FusevadError(
            f"{video.path}: its embeddings are not finite in float16; check the encoder's weights"
        )
    with atomic_path(part) as temporary:
        temporary.write_bytes(save({_PART: halves}))
