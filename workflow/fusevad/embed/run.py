"""Embed a data set: segments x crops x D for every video, in shards that resume."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.numpy import load, save
from torch import Tensor
from tqdm import tqdm

from fusevad.data.manifest import Video, read_manifest, shard
from fusevad.embed.embedder import (
    Embedder,
    Encoder,
    load_embedder,
    open_source,
    shard_provenance,
)
from fusevad.embed.image_sources import Chunk
from fusevad.embed.read_ahead import reading_ahead
from fusevad.embed.settings import StreamSettings
from fusevad.embed.shards import (
    Embedded,
    embeddings_sha256,
    shard_metadata,
    whole_videos,
    write_shard,
)
from fusevad.embed.streams.registry import kind_of
from fusevad.errors import FusevadError
from fusevad.files import keep, kept, progress_folder
from fusevad.video.decode import segment_count

_PART = "embeddings"  # the one tensor of a finished video


def embed_shard(
    manifest: Path,
    shard_index: int,
    shard_count: int,
    settings: StreamSettings,
    out_file: Path,
    cues: Sequence[Path] = (),
    threads: int = 1,
) -> None:
    """Embed a shard's videos into one safetensors file: (segments, crops, D) float16 a video.

    Finished videos are kept in a hidden folder beside `out_file`, so that a killed job loses at
    most one; undamaged videos of an earlier `out_file` with the same settings are kept too. A
    segment is the mean over its pictures; an incomplete last segment is the mean over those that
    exist.

    Args:
        manifest: `manifest.csv`.
        shard_index: this shard, 0 .. shard_count - 1.
        shard_count: number of shards.
        settings: of the stream's kind.
        out_file: the shard to write.
        cues: shards of motion cues that have these videos, for a stream that is made from them.
        threads: cores to use. A single core decodes and embeds in turn. With several, on a CPU one
            process decodes ahead and torch uses the others; on a GPU all but one decode ahead.

    Raises:
        FusevadError: bad weights, videos or motion cues.
    """
    cv2.setNumThreads(1)
    if kind_of(settings.stream).cue(settings.stream) is not None and not cues:
        raise FusevadError(f"stream {settings.stream}: name the shards of its motion cues")
    videos = shard(read_manifest(manifest), shard_index, shard_count)
    embedder = load_embedder(settings)
    source = open_source(settings, embedder, cues)
    encoder, provenance = embedder.encoder, shard_provenance(settings, embedder)
    progress = progress_folder(out_file, provenance)
    keys = {video.name: source.key(video) for video in videos}
    frames = {video.name: video.frames for video in videos}
    parts = {name: progress / f"{key}-of-{frames[name]}.safetensors" for name, key in keys.items()}
    for name, found, embeddings in whole_videos(out_file, provenance):
        whole = keys.get(name) == found.source and segment_count(frames[name]) == len(embeddings)
        if whole and found.frames in (None, frames[name]) and kept(parts[name]) is None:
            _keep_part(parts[name], embeddings)
    # One copy of a video is enough: the parts of all copies are the same file.
    todo = {parts[video.name]: video for video in videos if kept(parts[video.name]) is None}
    workers = threads - 1 if encoder.device.type == "cuda" else min(threads - 1, 1)
    torch.set_num_threads(threads - workers)
    with (
        _progress_bar(settings.stream, videos, list(todo.values())) as bar,
        reading_ahead(source, list(todo.values()), workers) as read,
    ):
        for part, (video, chunks) in zip(todo, read, strict=True):
            _keep_part(part, embed_video(video, settings.stream, chunks, embedder, bar))
    _join_parts(keys, frames, parts, provenance, out_file)
    shutil.rmtree(progress)


def _progress_bar(stream: str, videos: Sequence[Video], todo: Sequence[Video]) -> tqdm:
    """A bar of segments, as videos differ in length; finished videos don't change its speed."""
    total, left = (sum(video.segments for video in part) for part in (videos, todo))
    return tqdm(
        total=total, initial=total - left, desc=f"embedding {stream}", unit="segment", smoothing=0
    )


def embed_video(
    video: Video, stream: str, chunks: Iterable[Chunk], embedder: Embedder, bar: tqdm
) -> np.ndarray:
    """The embeddings of a video as they are stored: (segments, crops, D) float16.

    Args:
        video: its number of segments counts.
        stream: name of the stream.
        chunks: from the stream's source.
        embedder: of the stream.
        bar: counts segments.

    Raises:
        FusevadError: a segment has nothing of a stream that no segment may lack, or its embedding
            is not finite.
    """
    vectors = _in_halves(video, _embed_video(video, chunks, embedder, bar))
    if not kind_of(stream).may_lack:
        _check_whole(video, stream, vectors)
    return vectors


def _embed_video(
    video: Video, chunks: Iterable[Chunk], embedder: Embedder, bar: tqdm
) -> np.ndarray:
    """(segments, crops, D) float32: the mean over the pictures of each segment.

    Segments without any are zeros: they lack the stream. Sums stay on the encoder's device, so that
    a GPU keeps computing while images are read.
    """
    bar.set_postfix_str(video.name)
    encoder = embedder.encoder
    sums: Tensor | None = None
    pictures = np.zeros(video.segments, np.float32)
    done = 0
    for chunk in _batches(chunks, encoder):
        vectors = encoder.embed(chunk.images).unflatten(0, (len(chunk.segments), -1))
        if sums is None:
            sums = vectors.new_zeros((video.segments, *vectors.shape[1:]))
        segments, starts, counts = np.unique(chunk.segments, return_index=True, return_counts=True)
        for segment, start, count in zip(segments, starts, counts, strict=True):
            sums[segment] += vectors[start : start + count].sum(dim=0)
        pictures[segments] += counts
        bar.update(int(segments[-1]) + 1 - done)
        done = int(segments[-1]) + 1
    bar.update(video.segments - done)
    if sums is None:
        return np.zeros((video.segments, 1, embedder.dim), np.float32)
    return sums.cpu().numpy() / np.maximum(pictures, 1)[:, None, None]


def _check_whole(video: Video, stream: str, vectors: np.ndarray) -> None:
    """No segment is without the stream."""
    lacking = np.flatnonzero(~vectors.any(axis=(1, 2)))
    if len(lacking):
        raise FusevadError(
            f"{video.path}: segment {lacking[0]} has nothing of stream {stream}, or its embedding"
            " is all zeros; check the encoder's weights"
        )


def _batches(chunks: Iterable[Chunk], encoder: Encoder) -> Iterator[Chunk]:
    """Join chunks of images of one shape, up to the encoder's batch size."""
    joined: list[Chunk] = []
    images = 0
    for chunk in chunks:
        fits = images + len(chunk.images) <= encoder.batch_size
        if joined and not (fits and chunk.images.shape[1:] == joined[0].images.shape[1:]):
            yield _join_chunks(joined)
            joined, images = [], 0
        joined.append(chunk)
        images += len(chunk.images)
    if joined:
        yield _join_chunks(joined)


def _join_chunks(chunks: Sequence[Chunk]) -> Chunk:
    return Chunk(
        np.concatenate([chunk.segments for chunk in chunks]),
        np.concatenate([chunk.images for chunk in chunks]),
    )


def _join_parts(
    keys: Mapping[str, str],
    frames: Mapping[str, int],
    parts: Mapping[str, Path],
    provenance: dict[str, str],
    out_file: Path,
) -> None:
    shapes, videos = {}, {}
    for name, part in parts.items():
        embeddings = _load_part(part)
        shapes[name] = embeddings.shape
        videos[name] = Embedded(keys[name], embeddings_sha256(embeddings), frames[name])
    tensors = map(_load_part, parts.values())
    write_shard(out_file, shapes, tensors, shard_metadata(provenance, videos))


def _in_halves(video: Video, vectors: np.ndarray) -> np.ndarray:
    """Embeddings as they are stored, float16."""
    with np.errstate(over="ignore"):
        halves = vectors.astype(np.float16)
    if not np.isfinite(halves).all():
        raise FusevadError(
            f"{video.path}: its embeddings are not finite in float16; check the encoder's weights"
        )
    return halves


def _keep_part(part: Path, embeddings: np.ndarray) -> None:
    keep(save({_PART: embeddings}), part)


def _load_part(part: Path) -> np.ndarray:
    content = kept(part)
    if content is None:
        raise FusevadError(f"{part}: damaged while the job ran; run the command again")
    return load(content)[_PART]
